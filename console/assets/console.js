/* What the browser does itself: photos go from here straight to the API and never through Gradio,
   so that no server-side temporary file ever holds them. They live in this page's memory only. */
(() => {
  'use strict';
  const photos = {};   // what was chosen: full_body, close_up, evidence, verify -> File
  const urls = {};     // object URLs for the previews

  const key = () => (crypto.randomUUID ? crypto.randomUUID()
    : Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16)).join(''));

  async function post(path, form) {
    try {
      const response = await fetch(path, {
        method: 'POST', body: form, credentials: 'same-origin',
        headers: { 'X-Housemodel-Console': '1', 'Idempotency-Key': key() },
      });
      const body = await response.json().catch(() => ({}));
      return { status: response.status, body };
    } catch (error) {
      return { status: 0, body: { title: 'The service does not answer',
        remedy: 'Check the connection and try again.' } };
    }
  }

  const sentence = (body) => [body.title, body.detail, body.remedy].filter(Boolean)
    .map((part) => part.replace(/[. ]+$/, '') + '.').join(' ')
    + (body.request_id ? ` (${body.request_id})` : '');

  const make = (tag, className, content) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (content !== undefined) node.textContent = content;
    return node;
  };

  /* --- previews: every <img data-hm-photo="kind"> shows that photo --- */
  function paint() {
    document.querySelectorAll('img[data-hm-photo]').forEach((image) => {
      const url = urls[image.dataset.hmPhoto];
      image.hidden = !url;
      if (url && image.src !== url) image.src = url;
    });
    document.querySelectorAll('[data-hm-without]').forEach((node) => {
      node.hidden = Boolean(urls[node.dataset.hmWithout]);
    });
  }

  function keep(kind, file) {
    photos[kind] = file;
    if (urls[kind]) URL.revokeObjectURL(urls[kind]);
    urls[kind] = file ? URL.createObjectURL(file) : undefined;
    paint();
  }

  function dropZone(zone, take) {
    ['dragover', 'dragenter'].forEach((name) => zone.addEventListener(name, (event) => {
      event.preventDefault(); zone.classList.add('hm-over');
    }));
    ['dragleave', 'drop'].forEach((name) => zone.addEventListener(name, (event) => {
      event.preventDefault(); zone.classList.remove('hm-over');
    }));
    zone.addEventListener('drop', (event) => take([...event.dataTransfer.files]));
    const input = zone.querySelector('input[type=file]');
    const chosen = () => {
      const files = [...input.files];
      input.value = '';
      if (files.length) take(files);
    };
    input.addEventListener('change', chosen);
    chosen();  // somebody may have been quicker than this script
  }

  /* --- product photos: each file becomes one product --- */
  let added = '';  // ids of the products that were added last
  function products(element, trigger) {
    const status = element.querySelector('[data-hm-status]');
    dropZone(element.querySelector('[data-hm-drop]'), async (files) => {
      const made = [];
      const problems = [];
      for (const [index, file] of files.entries()) {
        status.textContent = `Adding ${index + 1} of ${files.length}…`;
        const form = new FormData();
        form.append('photo', file, 'photo');
        form.append('name', file.name.replace(/\.[^.]*$/, '').replace(/[_-]+/g, ' ').slice(0, 80)
          || 'Product');
        const answer = await post('/v1/products', form);
        if (answer.body.id) made.push(answer.body.id);
        else problems.push(`${file.name}: ${sentence(answer.body)}`);
      }
      status.textContent = problems.join(' ');
      status.classList.toggle('hm-bad-text', problems.length > 0);
      if (made.length) { added = made.join(','); await window.hm.loaded; trigger('upload'); }
    });
  }

  /* --- verify: one picture to the API, its answer in plain words --- */
  const manifests = {
    valid: ['pass', 'Signed manifest: whole', 'The picture is as it was when it was signed.'],
    invalid: ['fail', 'Signed manifest: broken', 'The picture was changed after it was signed.'],
    remote: ['warn', 'Manifest elsewhere', 'It is on the network, where this appliance does not look.'],
  };
  const fact = (status, title, rest) => {
    const row = make('li', `hm-check hm-${status}`);
    row.append(make('b', '', title));
    if (rest) row.append(make('small', '', rest));
    return row;
  };
  function verdict(told) {
    const rows = [];
    const list = make('ul', 'hm-checks');
    const found = told.manifest;
    if (found) {
      const [status, title, line] = manifests[found.state];
      rows.push(fact(status, title, found.signed_by ? `${line} Signed by ${found.signed_by}.` : line));
      const kind = (found.digital_source_type || '').split('/').pop();
      if (kind) rows.push(fact('pass', 'Says how it was made', kind));
    } else rows.push(fact('warn', 'No signed manifest', 'It was never there, or was lost when the file was saved again.'));
    rows.push(told.watermark_id
      ? fact('pass', 'Invisible watermark of this appliance', told.watermark_id)
      : fact('warn', 'No watermark of this appliance', ''));
    if (told.near_duplicate) {
      const like = Math.round(100 * (1 - told.near_duplicate.difference));
      rows.push(fact('pass', 'Looks like one of your images', `${told.near_duplicate.image_id}, ${like} % alike`));
    }
    if (told.image_id) {
      rows.push(fact('pass', 'It is your image', `${told.image_id}, made ${new Date(told.made_at).toLocaleString()}`));
    }
    list.append(...rows);
    const made = told.made_by_this_appliance;
    return [make('h2', '', made ? 'Made by this appliance' : 'Not recognised as made here'), list];
  }
  function verify(element) {
    const place = element.querySelector('[data-hm-verdict]');
    dropZone(element.querySelector('[data-hm-drop]'), async ([file]) => {
      if (!file) return;
      keep('verify', file);
      place.replaceChildren(make('p', 'hm-muted', 'Looking for marks…'));
      const form = new FormData();
      form.append('image', file, 'image');
      const answer = await post('/v1/verify', form);
      if (photos.verify !== file) return;  // another picture was chosen meanwhile
      place.replaceChildren(...(answer.status === 200 ? verdict(answer.body)
        : [make('div', 'hm-note hm-bad', sentence(answer.body))]));
      place.scrollIntoView({ block: 'nearest' });
    });
    paint();
  }

  /* --- small things, by delegation, so that they work in any HTML --- */
  async function copy(button) {
    const value = button.dataset.hmCopy;
    try {
      await navigator.clipboard.writeText(value);
    } catch (error) {
      const area = make('textarea');
      area.value = value;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    const before = button.textContent;
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = before; }, 1600);
  }
  document.addEventListener('click', (event) => {
    const button = event.target.closest && event.target.closest('[data-hm-copy]');
    if (button) copy(button);
  });
  document.addEventListener('error', (event) => {
    if (event.target.matches && event.target.matches('img[data-hm-optional]')) {
      event.target.hidden = true;
    }
  }, true);

  /* Gradio's drop-down opens its list again on the Tab that leaves it: that key is none of its business */
  window.addEventListener('keydown', (event) => {
    if (event.key === 'Tab' && event.target.matches('[role=combobox]')) event.stopPropagation();
  }, true);

  /* on a phone the results are below the button: bring them, or what went wrong, into view */
  function reveal() {
    const found = ['notice', 'progress', 'pictures'].map((id) => document.getElementById(id))
      .find((node) => node && node.textContent.trim());
    if (found) found.scrollIntoView({ block: 'nearest' });
  }

  const asked = (name) => new URLSearchParams(location.search).get(name) || '';
  const remember = (name, value) => {
    const url = new URL(location.href);
    if (value) url.searchParams.set(name, value); else url.searchParams.delete(name);
    history.replaceState(history.state, '', url);
  };

  const chosen = (id) => [...document.querySelectorAll(`#${id} input[name]:checked`)]
    .map((box) => box.value).join(',');

  window.hm = { reveal, chosen, added: () => added, products, verify, paint, asked, remember, post, sentence, make, keep, photos, dropZone,
    toTop: () => window.scrollTo(0, 0) };
})();

/* Photos on their way: many product photos with a state each, one own photo for the background swap,
   and all pictures of a product in one file. Photos go straight to the API and never through Gradio. */
(() => {
  'use strict';
  const { post, sentence, make, dropZone } = window.hm;
  const AT_ONCE = 2;

  async function ask(method, path, body) {
    try {
      const response = await fetch(path, { method, credentials: 'same-origin',
        headers: { 'X-Housemodel-Console': '1', Accept: 'application/json',
          ...(body ? { 'Content-Type': 'application/json' } : {}) },
        body: body ? JSON.stringify(body) : undefined });
      return { status: response.status, body: await response.json().catch(() => ({})) };
    } catch (error) {
      return { status: 0, body: { title: 'The service does not answer', remedy: 'Check the connection and try again.' } };
    }
  }
  const button = (words, act, label) => {
    const node = make('button', 'hm-button', words);
    node.type = 'button';
    if (label) node.setAttribute('aria-label', label);
    node.addEventListener('click', act);
    return node;
  };
  const picture = (src, alt) => {
    const image = make('img');
    image.src = src; image.alt = alt;
    return image;
  };

  /* --- Flatlay to Catalog: each file is a row that says where it stands; nothing is lost --- */
  const CATEGORIES = ['t-shirt', 'longsleeve', 'outerwear', 'dress', 'skirt', 'trousers', 'shorts'];
  const rows = [];  // {file, node, state: waiting | sending | failed | done, product}
  const open = () => rows.filter((row) => row.state === 'waiting' || row.state === 'sending');
  window.addEventListener('beforeunload', (event) => { if (open().length) event.preventDefault(); });

  const nameOf = (file) => file.name.replace(/\.[^.]*$/, '').replace(/[_-]+/g, ' ').trim().slice(0, 80) || 'Product';

  function category(row) {
    const found = row.product.suggested_category || '';
    const label = make('label', 'hm-upload-kind', '');
    const select = make('select');
    select.setAttribute('aria-label', `What ${row.product.name} is`);
    const first = make('option', '', 'What is it?');
    first.value = '';
    select.append(first, ...CATEGORIES.map((each) => {
      const option = make('option', '', each === found ? `${each} (looks like it)` : each);
      option.value = each;
      return option;
    }));
    select.value = row.product.category || found;
    select.addEventListener('change', async () => {
      const answer = await ask('PATCH', `/v1/products/${row.product.id}`, { category: select.value });
      row.said.textContent = answer.status === 200 ? 'Saved' : sentence(answer.body);
    });
    if (found && !row.product.category) {
      ask('PATCH', `/v1/products/${row.product.id}`, { category: found });
    }
    label.append(select);
    return label;
  }

  function draw(row, list) {
    row.node.dataset.state = row.state;
    row.actions.replaceChildren();
    if (row.state === 'waiting') row.said.textContent = 'Waiting';
    if (row.state === 'sending') row.said.textContent = 'Adding…';
    if (row.state === 'done') {
      const bare = row.product.background_removed;
      row.said.textContent = bare ? 'Added, background removed' : 'Added with its background: it could not be told apart';
      if (bare) row.image.src = `/v1/products/${row.product.id}/cutout`;
      row.actions.append(category(row));
    }
    if (row.state === 'failed') {
      row.said.textContent = row.problem;
      row.node.parentElement.prepend(row.node);  // what needs a look comes first
      row.actions.append(
        button('Try again', () => { row.state = 'waiting'; draw(row, list); list.go(); }, `Try ${row.file.name} again`),
        button('Remove', () => { rows.splice(rows.indexOf(row), 1); row.node.remove(); list.count(); }, `Remove ${row.file.name}`));
    }
    list.count();
  }

  async function send(row, list) {
    row.state = 'sending';
    draw(row, list);
    const form = new FormData();
    form.append('photo', row.file, 'photo');
    form.append('name', nameOf(row.file));
    const answer = await post('/v1/products', form);
    if (answer.body.id) { row.product = answer.body; row.state = 'done'; list.added(answer.body.id); }
    else { row.state = 'failed'; row.problem = sentence(answer.body); }
    draw(row, list);
    list.go();
  }

  let fresh = [];  // ids that the page has not been told of
  function bulk(element, trigger) {
    const place = element.querySelector('[data-hm-files]');
    const status = element.querySelector('[data-hm-status]');
    const list = {
      count: () => {
        const done = rows.filter((row) => row.state === 'done').length;
        const bad = rows.filter((row) => row.state === 'failed').length;
        status.textContent = rows.length ? `${done} of ${rows.length} added`
          + (bad ? `, ${bad} need a look` : '') + '.' : '';
      },
      added: (id) => { fresh.push(id); },
      go: () => {
        const free = AT_ONCE - rows.filter((row) => row.state === 'sending').length;
        rows.filter((row) => row.state === 'waiting').slice(0, free).forEach((row) => send(row, list));
        if (!open().length && fresh.length) window.hm.loaded.then(() => trigger('upload'));
      },
    };
    const add = (files) => {
      files.forEach((file) => {
        const row = { file, state: 'waiting', node: make('li', 'hm-upload'), said: make('small', '', ''),
          actions: make('span', 'hm-row') };
        row.image = picture(URL.createObjectURL(file), '');
        row.image.addEventListener('error', () => { row.image.hidden = true; });  // HEIC in most browsers
        const text = make('span', 'hm-upload-text');
        row.said.setAttribute('role', 'status');
        text.append(make('strong', '', nameOf(file)), row.said, row.actions);
        row.node.append(row.image, text);
        rows.push(row);
        place.append(row.node);
        draw(row, list);
      });
      list.go();
    };
    rows.forEach((row) => { place.append(row.node); });
    dropZone(element.querySelector('[data-hm-drop]'), add);
    list.count();
  }
  const taken = () => { const ids = fresh.join(','); fresh = []; return ids; };

  /* --- all pictures of a product: a ZIP without compression, as PNG is compressed already --- */
  const table = Array.from({ length: 256 }, (_, n) => {
    let value = n;
    for (let k = 0; k < 8; k += 1) value = value & 1 ? 0xEDB88320 ^ (value >>> 1) : value >>> 1;
    return value >>> 0;
  });
  const crc = (bytes) => {
    let value = 0xFFFFFFFF;
    for (const byte of bytes) value = table[(value ^ byte) & 255] ^ (value >>> 8);
    return (value ^ 0xFFFFFFFF) >>> 0;
  };
  function zipped(files) {  // [{name, bytes}] -> Blob
    const parts = [];
    const index = [];
    let offset = 0;
    const le = (...pairs) => {
      const out = new Uint8Array(pairs.reduce((sum, [, size]) => sum + size, 0));
      const view = new DataView(out.buffer);
      let at = 0;
      pairs.forEach(([value, size]) => {
        if (size === 2) view.setUint16(at, value, true); else view.setUint32(at, value, true);
        at += size;
      });
      return out;
    };
    files.forEach(({ name, bytes }) => {
      const label = new TextEncoder().encode(name);
      const same = [[20, 2], [0x0800, 2], [0, 2], [0, 2], [0x21, 2], [crc(bytes), 4],
        [bytes.length, 4], [bytes.length, 4], [label.length, 2], [0, 2]];
      parts.push(le([0x04034b50, 4], ...same), label, bytes);
      index.push(le([0x02014b50, 4], [20, 2], ...same, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), label);
      offset += 30 + label.length + bytes.length;
    });
    const size = index.reduce((sum, part) => sum + part.length, 0);
    const end = le([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]);
    return new Blob([...parts, ...index, end], { type: 'application/zip' });
  }
  async function downloadAll(node) {
    const before = node.textContent;
    node.disabled = true;
    const files = [];
    const wanted = JSON.parse(node.dataset.hmZip);
    try {
      for (const [k, { id, name }] of wanted.entries()) {
        node.textContent = `Getting ${k + 1} of ${wanted.length}…`;
        const response = await fetch(`/v1/images/${id}?format=png`, { credentials: 'same-origin' });
        if (!response.ok) throw new Error(sentence(await response.json().catch(() => ({}))));
        files.push({ name: `${name}.png`, bytes: new Uint8Array(await response.arrayBuffer()) });
      }
      const link = make('a');
      link.href = URL.createObjectURL(zipped(files));
      link.download = `${node.dataset.hmName}.zip`;
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      node.textContent = before;
    } catch (error) {
      node.textContent = error.message || 'The service does not answer. Try again.';
      setTimeout(() => { node.textContent = before; }, 6000);
    }
    node.disabled = false;
  }
  document.addEventListener('click', (event) => {
    const node = event.target.closest && event.target.closest('[data-hm-zip]');
    if (node) downloadAll(node);
  });

  /* --- Model Background Swap: one photo, its boxes, and what was cut out of it --- */
  let own = null;  // the photo that the service keeps
  let chosen = null;  // the file that was not sent yet
  function ownPhoto(element, trigger) {
    const at = (name) => element.querySelector(`[data-hm-own="${name}"]`);
    const said = (words, bad) => {
      at('said').textContent = words;
      at('said').classList.toggle('hm-bad-text', Boolean(bad));
    };
    let boxes = [];
    const ready = () => Boolean(chosen) && boxes.length > 0 && boxes.every((box) => box.input.checked);
    const hint = () => {
      at('use').disabled = !ready();
      if (chosen && !ready()) said('Tick every box to use this photo.');
      else if (chosen) said('');
    };
    const show = () => {
      at('choose').hidden = Boolean(own);
      at('kept').hidden = !own;
      if (own) {
        const name = own.kind === 'person' ? 'The person' : 'What';
        at('figure').src = `/v1/pictures/${own.id}/figure`;
        at('figure').alt = `${name} in your photo, without the background`;
        at('told').textContent = own.clear ? 'This is kept, everything else becomes the new background.'
          : 'Please look closely: the background of this photo is busy, so the outline may be wrong. A photo before a plain wall gives a clean one.';
        at('told').classList.toggle('hm-warn', !own.clear);
        at('until').textContent = `${own.width} × ${own.height} px, kept sealed until ${new Date(own.expires_at).toLocaleString()}, then destroyed.`;
      }
      trigger('change');
    };
    const choose = ([file]) => {
      if (!file) return;
      chosen = file;
      at('preview').hidden = false;
      at('preview').src = URL.createObjectURL(file);
      at('empty').hidden = true;
      at('name').textContent = file.name;
      hint();
    };
    async function use() {
      if (!ready()) return;
      at('use').disabled = true;
      said('Looking at the photo…');
      const form = new FormData();
      form.append('photo', chosen, 'photo');
      form.append('attestations', JSON.stringify(boxes.map(({ id, sha256 }) => ({ id, sha256 }))));
      const answer = await post('/v1/pictures', form);
      if (answer.status !== 201) { said(sentence(answer.body), true); at('use').disabled = false; return; }
      own = answer.body;
      chosen = null;
      boxes.forEach((box) => { box.input.checked = false; });
      at('preview').hidden = true; at('empty').hidden = false; at('name').textContent = '';
      said('');
      window.hm.remember('picture', own.id);
      show();
    }
    async function remove() {
      const answer = await ask('DELETE', `/v1/pictures/${own.id}`);
      if (answer.status !== 204 && answer.status !== 404) { said(sentence(answer.body), true); return; }
      own = null;
      window.hm.remember('picture', '');
      said('The photo is destroyed.');
      show();
    }
    dropZone(element.querySelector('[data-hm-drop]'), choose);
    at('preview').addEventListener('error', () => { at('preview').hidden = true; });
    at('use').addEventListener('click', use);
    at('remove').addEventListener('click', remove);
    at('other').addEventListener('click', () => { own = null; window.hm.remember('picture', ''); show(); });
    (async () => {
      const answer = await ask('GET', '/v1/capabilities');
      if (answer.status !== 200) { said(sentence(answer.body), true); return; }
      boxes = answer.body.own_photos.attestations.map((box) => {
        const label = make('label', 'hm-tick');
        const input = make('input');
        input.type = 'checkbox';
        input.addEventListener('change', hint);
        label.append(input, make('span', '', box.text));
        at('boxes').append(label);
        return { ...box, input };
      });
      at('hours').textContent = `It is kept sealed for ${answer.body.own_photos.kept_hours} hours at most, and is yours to remove at any time.`;
      hint();
      const asked = window.hm.asked('picture');
      if (asked && !own) {
        const found = await ask('GET', `/v1/pictures/${encodeURIComponent(asked)}`);
        if (found.status === 200) own = found.body;
        else if (found.status === 404) { window.hm.remember('picture', ''); said('The photo you used before is no longer kept. Choose it again.'); }
      }
      show();
    })();
  }

  Object.assign(window.hm, { bulk, taken, ownPhoto, ownPicture: () => (own ? own.id : '') });
})();

/* Forms that go from the browser straight to the API, so that what is typed into them (a password, a
   new key) never passes through Gradio. `data-hm-send` has method and path; every named field becomes
   a field of the JSON body, after its `data-hm-as`: list, number or text. What is left empty is not
   sent, or sent as null where the form says so. After a success the page is read anew: the hidden
   button `#fresh` belongs to Gradio. */
(() => {
  'use strict';
  const key = () => (crypto.randomUUID ? crypto.randomUUID()
    : Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16)).join(''));

  const make = (tag, className, content) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (content !== undefined) node.textContent = content;
    return node;
  };

  function bodyOf(form) {
    const body = {};
    form.querySelectorAll('[name]').forEach((field) => {
      const { name } = field;
      const as = field.dataset.hmAs || 'text';
      if (as === 'list') {
        body[name] = body[name] || [];
        if (field.checked) body[name].push(field.value);
      } else if (field.value.trim() !== '') {
        body[name] = as === 'number' ? Number(field.value)
          : field.type === 'password' ? field.value : field.value.trim();
      } else if (field.dataset.hmEmpty === 'null') body[name] = null;
    });
    return body;
  }

  async function send(line, body) {
    const [method, path] = line.split(' ');
    const headers = { 'X-Housemodel-Console': '1' };
    if (method === 'POST') headers['Idempotency-Key'] = key();
    const asked = { method, headers, credentials: 'same-origin' };
    if (method !== 'DELETE') {
      headers['Content-Type'] = 'application/json';
      asked.body = JSON.stringify(body);
    }
    try {
      const response = await fetch(path, asked);
      return { ok: response.ok, status: response.status, body: await response.json().catch(() => ({})) };
    } catch (error) {
      return { ok: false, status: 0, body: { title: 'The service does not answer',
        remedy: 'Check the connection and try again.' } };
    }
  }

  const sentence = (body) => [...new Set([body.title, body.detail, body.remedy])].filter(Boolean)
    .map((part) => part.replace(/[. ]+$/, '') + '.').join(' ');

  function told(form, node) {
    let place = form.querySelector('[data-hm-said]');
    if (!place) { place = make('div'); place.dataset.hmSaid = ''; form.append(place); }
    place.replaceChildren(node);
  }

  function problem(form, answer) {
    const node = make('div', 'hm-note hm-bad');
    node.setAttribute('role', 'alert');
    if (answer.status === 401) {
      const back = encodeURIComponent(location.pathname + location.search);
      const link = make('a', 'hm-link', 'Sign in');
      link.href = `/sign-in?next=${back}`;
      node.append('You are signed out. ', link, ' to go on.');
    } else node.textContent = sentence(answer.body);
    told(form, node);
    node.scrollIntoView({ block: 'nearest' });
  }

  /* What is shown this once: the secret of a new key. */
  function once(form, value) {
    const node = make('div', 'hm-note hm-good');
    node.setAttribute('role', 'status');
    const button = make('button', 'hm-button', 'Copy');
    button.type = 'button';
    button.dataset.hmCopy = value;
    node.append(make('strong', '', 'Shown this once. '), 'Keep it where your scripts find it. ',
      make('code', 'hm-address', value), ' ', button);
    told(form, node);
  }

  function done(words) {
    const place = document.getElementById('page-said');
    if (!place || !words) return;
    const node = make('div', 'hm-note hm-good', words);
    node.setAttribute('role', 'status');
    place.replaceChildren(node);
    node.scrollIntoView({ block: 'nearest' });
  }

  const fresh = () => document.getElementById('fresh')?.click();

  document.addEventListener('submit', async (event) => {
    const form = event.target.closest && event.target.closest('form[data-hm-send]');
    if (!form) return;
    event.preventDefault();
    if (form.dataset.hmBusy) return;
    form.dataset.hmBusy = '1';
    const button = form.querySelector('button[type=submit]');
    const before = button.textContent;
    button.textContent = 'One moment…';
    button.setAttribute('aria-disabled', 'true');
    const answer = await send(form.dataset.hmSend, bodyOf(form));
    delete form.dataset.hmBusy;
    button.textContent = before;
    button.removeAttribute('aria-disabled');
    if (!answer.ok) { problem(form, answer); return; }
    form.querySelector('[data-hm-said]')?.replaceChildren();
    form.reset();
    const secret = form.dataset.hmOnce && answer.body[form.dataset.hmOnce];
    if (secret) once(form, secret); else done(form.dataset.hmDone);
    if (!('hmStay' in form.dataset)) fresh();
  });

  /* Groups of boxes of which at least one has to be ticked: say so before anything is sent. */
  document.addEventListener('change', (event) => {
    const group = event.target.closest && event.target.closest('fieldset[data-hm-some]');
    if (group) some(group);
  });
  function some(group) {
    const boxes = [...group.querySelectorAll('input[type=checkbox]')];
    const any = boxes.some((box) => box.checked);
    boxes.forEach((box, k) => box.setCustomValidity(any || k ? '' : 'Tick at least one.'));
  }
  document.addEventListener('click', (event) => {
    const button = event.target.closest && event.target.closest('form[data-hm-send] button[type=submit]');
    if (button) button.closest('form').querySelectorAll('fieldset[data-hm-some]').forEach(some);
  }, true);
})();

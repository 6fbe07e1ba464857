/* Create custom model: photos go from here straight to the caller's own draft at the API, which
   checks and seals them; never through Gradio. What was entered is kept there, too, so that a
   reload, another tab or another day goes on where one was. Ticks are not kept. */
(() => {
  'use strict';
  const { make, sentence, dropZone, keep, photos, paint } = hm;
  const PATH = '/v1/drafts/enrolment';
  const PHOTOS = ['full_body', 'close_up'];
  const NAMES = { full_body: 'full-body shot', close_up: 'close-up shot', both: 'photos' };
  const WORDS = { pass: 'Good', warn: 'Could be better', fail: 'Not usable' };
  let draft = null;      // as the service has it
  let form = { step: 1 };  // what was entered, by the draft's own names
  let ticked = 0;
  let elsewhere = false;  // another tab went on: nothing is saved from here any more
  let trouble = '';      // why the last change was not saved
  let sending = false;   // the draft is on its way to become a model: it can't be discarded now
  let welcome = false;   // the draft was there when the page was opened
  let writes = Promise.resolve();  // one write after the other
  let later = 0;         // timer of the next save
  let touched = false;   // somebody typed or chose something since the page was opened
  let arriving = null;   // photos of the draft, on their way
  const checked = {};    // kind -> its checks; absent while unknown
  const rounds = {};     // kind -> number of the last look at it

  async function ask(method, path, content) {
    const headers = { 'X-Housemodel-Console': '1' };
    const asked = { method, headers, credentials: 'same-origin' };
    if (content instanceof FormData) asked.body = content;
    else if (content) { headers['Content-Type'] = 'application/json'; asked.body = JSON.stringify(content); }
    try {
      const response = await fetch(path, asked);
      return { status: response.status, body: await response.json().catch(() => ({})) };
    } catch (error) {
      return { status: 0, body: { title: 'The service does not answer', remedy: 'Check the connection and try again.' } };
    }
  }

  /* --- the bar: what is kept, until when, and the way to destroy it --- */
  const time = (value) => new Date(value).toLocaleString([], { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  function bar() {
    const place = document.querySelector('[data-hm-draft]');
    if (!place) return;
    const line = make('span');
    const button = make('button', 'hm-button');
    button.type = 'button';
    if (elsewhere) {
      line.textContent = 'This draft was changed or ended in another tab. Nothing is saved here any more.';
      button.textContent = 'Show the newest';
      button.onclick = () => location.reload();
    } else if (trouble) {
      line.textContent = `Not saved. ${trouble}`;
      button.textContent = 'Try again';
      button.onclick = () => save();
    } else if (draft && !sending) {
      line.textContent = `${welcome ? 'Your draft is here again. ' : 'Draft saved. '}Only you can open it. `
        + `It is destroyed on ${time(draft.expires_at)} unless you go on before.`;
      button.textContent = 'Discard draft';
      button.onclick = discard;
    }
    place.classList.toggle('hm-warn', Boolean(elsewhere || trouble));
    place.hidden = !line.textContent;
    place.replaceChildren(line, button);
  }

  function discard() {
    const dialog = make('dialog', 'hm-dialog');
    dialog.setAttribute('aria-labelledby', 'hm-discard');
    const title = make('h2', '', 'Discard this draft?');
    title.id = 'hm-discard';
    const yes = make('button', 'hm-button hm-primary', 'Discard draft');
    const no = make('button', 'hm-button', 'Keep it');
    const row = make('p', 'hm-row');
    row.append(yes, no);
    dialog.append(title, make('p', '', 'The photos and everything you entered are destroyed now. This can\u2019t be undone.'), row);
    no.onclick = () => dialog.close();
    yes.onclick = async () => {
      yes.disabled = true;
      const answer = await writing(() => ask('DELETE', PATH));
      dialog.close();
      if (answer.status === 204) location.assign(location.pathname);
      else { trouble = sentence(answer.body); bar(); }
    };
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  /* --- what is entered goes into the draft --- */
  ['input', 'click', 'keydown'].forEach((name) => document.addEventListener(name, () => { touched = true; }, true));
  const writing = (act) => { writes = writes.then(act, act); return writes; };
  function save() {
    clearTimeout(later);
    return writing(async () => {
      if (elsewhere) return;
      const known = draft || { id: '', revision: 0 };
      const answer = await ask('PUT', PATH, { id: known.id, revision: known.revision, entered: form });
      if (answer.status === 200) { draft = answer.body; trouble = ''; }
      else if (answer.status === 409) elsewhere = true;
      else trouble = sentence(answer.body);
      bar();
    });
  }
  const soon = () => { clearTimeout(later); if (draft) later = setTimeout(save, 500); };
  function enter(part) {
    const next = { ...form, ...part };
    if (JSON.stringify(next) === JSON.stringify(form)) return;
    form = next;
    if (touched) soon();  // what the page itself filled in is no change
  }
  function step(number) {
    form = { ...form, step: Math.min(number, 4) };
    if (draft) save();
  }

  /* --- when the page is opened: the draft, and its photos right after --- */
  async function there() {  // undefined: the service can't say
    const answer = await ask('GET', '/v1/drafts');
    return answer.status === 200 ? answer.body.items[0] || null : undefined;
  }
  async function open() {
    draft = (await there()) || null;
    if (draft) {
      form = draft.entered;
      welcome = true;
      arriving = bring(draft.files);
    }
    bar();
    return JSON.stringify({ draft, made: hm.asked('made') });
  }
  async function bring(files) {
    await Promise.all(files.map(async (file) => {
      const response = await fetch(`${PATH}/files/${file.kind}`, { credentials: 'same-origin' }).catch(() => null);
      if (!response || !response.ok) return;
      keep(file.kind, new File([await response.blob()], file.name || file.kind, { type: file.media_type }));
      if (file.kind !== 'evidence') checked[file.kind] = file.checks;
    }));
    paint();
  }

  document.addEventListener('visibilitychange', async () => {
    if (!document.querySelector('[data-hm-draft]') || elsewhere) return;
    if (document.hidden) { if (later && draft) save(); return; }
    await writes;
    if (trouble && draft) { save(); return; }
    const now = await there();
    if (now === undefined) return;
    const state = (one) => (one ? [one.id, one.revision, ...one.files.map((file) => file.stamp).sort()].join() : '');
    if (state(now) !== state(draft)) { elsewhere = true; bar(); }
  });

  /* --- step 2: two photos, each with its checks beside it --- */
  const share = (value) => `${Math.round(value * 100)} %`;
  const TOPICS = {
    too_small: ['Size', (m, t) => `${m} pixels on the shorter side; at least ${t}`],
    low_resolution: ['Detail', (m, t) => `${m} pixels high; best from ${t}`],
    one_person: ['One person', (m) => `Faces found: ${m}; needed: 1`],
    face_too_small: ['Face size', (m, t) => `${m} pixels wide; at least ${t}`],
    head_or_feet_cut: ['Framing', (m, t) => `Measured ${m}; needed ${t}`],
    not_frontal: ['Angle', (m, t) => `Turned by ${m}°; at most ${t}°`],
    blurred: ['Sharpness', (m, t) => `${m} of 1; at least ${t}`],
    too_dark: ['Light', (m, t) => `Brightness ${m} of 255; at least ${t}`],
    too_bright: ['Light', (m, t) => `${share(m)} of the face without detail; at most ${share(t)}`],
    harsh_shadow: ['Light', (m, t) => `One half ${m} times as bright as the other; at most ${t}`],
  };
  const SAME = { size: 'too_small', resolution: 'low_resolution', no_face: 'one_person', several_people: 'one_person',
    face_size: 'face_too_small', framing: 'head_or_feet_cut', frontal: 'not_frontal', sharpness: 'blurred', light: 'too_dark' };
  function row(check) {
    const [topic, told] = TOPICS[SAME[check.code] || check.code] || ['', (m, t) => `Measured ${m}; limit ${t}`];
    const item = make('li', `hm-check hm-${check.status}`);
    item.append(make('b', '', topic ? `${WORDS[check.status]}: ${topic}` : WORDS[check.status]), ' ', make('span', '', check.hint));
    if (typeof check.measured === 'number') item.append(make('small', '', told(check.measured, check.threshold)));
    return item;
  }
  function showChecks(element, kind) {
    const list = element.querySelector(`[data-hm-checks="${kind}"]`);
    if (!list) return;
    const open_ = checked[kind].filter((each) => each.status !== 'pass');
    open_.sort((a, b) => (a.status === 'fail' ? 0 : 1) - (b.status === 'fail' ? 0 : 1));
    const passed = checked[kind].filter((each) => each.status === 'pass');
    const rows = open_.map(row);
    if (!open_.some((each) => each.status === 'fail')) {
      const good = make('li', 'hm-check hm-pass');
      good.append(make('b', '', 'This photo can be used.'), ' ',
        make('span', '', open_.length ? 'A better one gives a better likeness.' : ''));
      rows.unshift(good);
    } else {
      rows.push(make('li', 'hm-check hm-info', 'This photo was not kept. Choose another one.'));
    }
    if (passed.length) {
      const more = make('details', 'hm-passed');
      const inner = make('ul', 'hm-checks');
      inner.append(...passed.map(row));
      more.append(make('summary', '', `${passed.length} ${passed.length === 1 ? 'check' : 'checks'} passed`), inner);
      const item = make('li');
      item.append(more);
      rows.push(item);
    }
    list.replaceChildren(...rows);
  }
  function say(element, kind, words, bad) {
    const line = make('li', bad ? 'hm-check hm-fail' : 'hm-check hm-busy', words);
    element.querySelector(`[data-hm-checks="${kind}"]`).replaceChildren(line);
  }
  const usable = (kind) => Boolean(checked[kind]) && checked[kind].every((each) => each.status !== 'fail');
  const ready = () => PHOTOS.every(usable);

  async function put(kind) {  // into the draft, which is begun by the first file
    const file = photos[kind];
    if (!draft) await save();
    if (!draft) return { status: 0, body: { title: 'The photo can\u2019t be kept', detail: trouble } };
    const sent = new FormData();
    sent.append('file', file, kind);
    sent.append('draft', draft.id);
    sent.append('name', (file.name || '').slice(0, 120));
    const answer = await ask('PUT', `${PATH}/files/${kind}`, sent);
    if (answer.status === 409) elsewhere = true;
    if (answer.status === 200) {
      const there = answer.body.draft;
      const others = draft.files.filter((each) => each.kind !== kind);
      draft = { ...draft, revision: Math.max(draft.revision, there.revision), expires_at: there.expires_at,
        files: [...others, ...there.files.filter((each) => each.kind === kind)] };
    }
    bar();
    return answer;
  }
  async function check(element, kind, trigger) {
    const file = photos[kind];
    const round = rounds[kind] = (rounds[kind] || 0) + 1;
    delete checked[kind];
    say(element, kind, 'Looking at the photo…', false);
    hint(2);
    trigger('change');
    const answer = await put(kind);
    if (rounds[kind] !== round || photos[kind] !== file) return;  // another photo was chosen meanwhile
    if (answer.status === 200) {
      checked[kind] = answer.body.checks;
      showChecks(element, kind);
    } else {
      say(element, kind, sentence(answer.body), true);
    }
    hint(2);
    trigger('change');
  }
  async function photoPair(element, trigger) {
    element.querySelectorAll('[data-hm-drop]').forEach((zone) => {
      const kind = zone.dataset.hmDrop;
      dropZone(zone, ([file]) => {
        if (!file) return;
        keep(kind, file);
        check(element, kind, trigger);
      });
      zone.querySelector('img').addEventListener('error', () => {  // HEIC: this browser can't show it
        if (draft && usable(kind)) zone.querySelector('img').src = `${PATH}/files/${kind}`;
      });
    });
    if (arriving) await arriving;
    paint();
    const again = PHOTOS.filter((kind) => photos[kind]);
    for (const kind of again) {
      const there = draft && draft.files.some((each) => each.kind === kind);
      if (checked[kind] && (there || !usable(kind))) showChecks(element, kind);
      else await check(element, kind, trigger);
    }
    hint(2);
    trigger('change');
  }

  function evidence(element) {
    const line = element.querySelector('[data-hm-evidence]');
    const drop = element.querySelector('[data-hm-without-evidence]');
    const show = () => {
      line.textContent = photos.evidence ? `${photos.evidence.name} will be sealed with the consent.` : '';
      drop.hidden = !photos.evidence;
    };
    element.querySelector('input[type=file]').addEventListener('change', async (event) => {
      const [file] = event.target.files;
      event.target.value = '';
      if (!file) return;
      keep('evidence', file);
      line.textContent = 'Keeping the file…';
      const answer = await put('evidence');
      if (answer.status !== 200) { keep('evidence', undefined); show(); line.textContent = sentence(answer.body); } else show();
    });
    drop.addEventListener('click', async () => {
      keep('evidence', undefined);
      show();
      if (!draft) return;
      const answer = await ask('DELETE', `${PATH}/files/evidence?draft=${encodeURIComponent(draft.id)}`);
      if (answer.status === 200) draft = { ...draft, files: answer.body.files };
      else if (answer.status === 409) { elsewhere = true; bar(); }
    });
    show();
    if (arriving) arriving.then(show);
  }

  /* --- what is still missing, in words beside the button --- */
  const listed = (parts) => (parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`);
  function missing(number) {
    if (number === 2) {
      const open_ = PHOTOS.filter((kind) => !usable(kind)).map((kind) => (photos[kind]
        ? (checked[kind] ? `a ${NAMES[kind]} that can be used` : `the check of the ${NAMES[kind]}`) : `the ${NAMES[kind]}`));
      return open_.length ? `Still missing: ${listed(open_)}.` : '';
    }
    if (number === 3) {
      const open_ = [...((form.name || '').trim() ? [] : ['the name']), ...(form.gender ? [] : ['the gender'])];
      return open_.length ? `Still missing: ${listed(open_)}.` : '';
    }
    const boxes = document.querySelectorAll('#attestations input[type=checkbox]').length;
    const left = Math.max(boxes - ticked, boxes ? 0 : 1);
    const open_ = Object.entries({ tools: 'a tool', purposes: 'a purpose', channels: 'a channel', territories: 'a territory' })
      .filter(([name]) => Array.isArray(form[name]) && !form[name].length).map(([, words]) => words);
    if (left) open_.push(left === 1 ? 'one tick' : `${left} ticks`);
    return open_.length ? `Still missing: ${listed(open_)}.` : '';
  }
  function hint(number) {
    // Gradio's own button of the calendar has no name for who can't see it.
    if (number === 4) document.querySelectorAll('button.calendar').forEach((each) => each.setAttribute('aria-label', 'Choose a day'));
    const place = document.querySelector(`[data-hm-missing="${number}"]`);
    const words = missing(number);
    if (place && place.textContent !== words) place.textContent = words;
    return !words;
  }
  const open_ = (number) => ({ __type__: 'update', interactive: hint(number) });
  function person(name, gender) {
    enter({ name: name || '', gender: gender || '' });
    return open_(3);
  }
  function terms(...given) {
    const names = ['purposes', 'channels', 'territories', 'until', 'pay', 'amount', 'intended_use', 'approval', 'tools'];
    const part = Object.fromEntries(names.map((name, k) => [name, Array.isArray(given[k]) ? given[k] : String(given[k] ?? '')]));
    enter(part);
    ticked = (given[names.length] || []).length;
    return open_(4);
  }

  /* --- step 5: one multipart request with everything; answers {status, body} as JSON --- */
  async function create(sent) {
    const given = JSON.parse(sent);
    clearTimeout(later);
    sending = true;
    bar();
    await writes;
    if (arriving) await arriving;
    const all = new FormData();
    PHOTOS.forEach((kind) => { if (photos[kind]) all.append(kind, photos[kind], kind); });
    all.append('name', given.name);
    all.append('gender', given.gender);
    all.append('attestations', JSON.stringify(given.attestations));
    all.append('consent', JSON.stringify(given.consent));
    if (photos.evidence) all.append('evidence', photos.evidence, 'evidence');
    if (given.allow_duplicate) all.append('allow_duplicate', 'true');
    const answer = await hm.post('/v1/models', all);
    sending = false;
    if (answer.status === 202) {  // the service has destroyed the draft with it
      draft = null;
      welcome = false;
      hm.remember('made', answer.body.id);
    }
    bar();
    return JSON.stringify(answer);
  }
  function again() {  // back from a refused model: keep what is here as a draft again
    hm.remember('made', '');
    if (draft || !photos.full_body) return;
    save().then(async () => {
      const kept = () => (draft ? draft.files.map((file) => file.kind) : []);
      for (const kind of [...PHOTOS, 'evidence']) {
        if (draft && photos[kind] && !kept().includes(kind)) await put(kind);
      }
    });
  }
  function finished(id) {
    hm.remember('made', '');
    [...PHOTOS, 'evidence'].forEach((kind) => { keep(kind, undefined); delete checked[kind]; });
    try { sessionStorage.setItem('hm.model', id); } catch (error) { /* private mode */ }
  }
  function arrive() {
    window.scrollTo(0, 0);
    const title = [...document.querySelectorAll('[data-hm-step-title]')].find((each) => each.offsetParent);
    if (title) title.focus({ preventScroll: true });
  }

  hm.enrol = { open, bar, step, ready, photoPair, evidence, person, terms, hint, create, again, finished, arrive, open_ };
})();

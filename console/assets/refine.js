/* View past generations: filters that live in the page's address, and two pictures to compare that
   are kept while one walks from page to page (in this tab only: ids, no pictures). */
(() => {
  'use strict';
  const FIELDS = ['tool', 'model', 'product', 'status', 'day'];
  const KEPT = 'hm.compare';
  const make = (tag, className, content) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (content !== undefined) node.textContent = content;
    return node;
  };

  /* --- filters --- */
  const midnight = (days) => {
    const date = new Date();
    date.setHours(0, 0, 0, 0);
    date.setDate(date.getDate() + days);
    return date;
  };

  /* the days of whoever looks: the service is asked for moments */
  function span(day) {
    const spans = { today: [0, 1], yesterday: [-1, 0], week: [-6, 1], month: [-29, 1] };
    if (spans[day]) return spans[day].map((days) => midnight(days).toISOString());
    const exact = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
    if (!exact) return [];
    const [year, month, date] = exact.slice(1).map(Number);
    return [new Date(year, month - 1, date), new Date(year, month - 1, date + 1)]
      .map((moment) => moment.toISOString());
  }

  function wanted(values) {
    const asked = {};
    ['tool', 'status'].forEach((name) => { if (values[name]) asked[name] = values[name]; });
    if (values.model) asked.model_id = values.model;
    if (values.product) asked.product_id = values.product;
    [asked.since, asked.before] = span(values.day || '');
    return JSON.stringify({ chosen: values, asked });
  }

  const inAddress = () => {
    const query = new URLSearchParams(location.search);
    return Object.fromEntries(FIELDS.map((name) => [name, query.get(name) || '']));
  };

  function inForm() {
    const form = document.querySelector('.hm-filters');
    const values = Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));
    if (values.day === 'day') values.day = form.elements.date.value;
    FIELDS.forEach((name) => hm.remember(name, values[name]));
    return wanted(values);
  }

  function filters(element, trigger) {
    element.addEventListener('change', (event) => {
      const form = element.querySelector('form');
      const exact = form.querySelector('[data-hm-exact]');
      exact.hidden = form.elements.day.value !== 'day';
      if (event.target.name === 'day' && !exact.hidden && !form.elements.date.value) {
        form.elements.date.focus();
        return;
      }
      trigger('select');
    });
    element.addEventListener('click', (event) => {
      if (!event.target.closest('[data-hm-clear]')) return;
      const form = element.querySelector('form');
      FIELDS.forEach((name) => { form.elements[name].value = ''; });
      form.elements.date.value = '';
      form.querySelector('[data-hm-exact]').hidden = true;
      trigger('select');
    });
    element.addEventListener('submit', (event) => event.preventDefault());
  }

  /* --- two pictures to compare --- */
  const read = () => {
    try { return (sessionStorage.getItem(KEPT) || '').split(',').filter(Boolean); }
    catch (error) { return []; }
  };
  let picked = read();
  const keep = (list) => {
    picked = list.slice(-2);  // a third one takes the place of the first
    try { sessionStorage.setItem(KEPT, picked.join(',')); } catch (error) { /* private mode */ }
    sync();
  };

  function bar() {
    const found = document.getElementById('compare-bar') || make('div', 'hm-compare');
    found.id = 'compare-bar';
    found.hidden = !picked.length;
    found.setAttribute('role', 'region');
    found.setAttribute('aria-label', 'Compare');
    const said = make('span', '', picked.length === 2 ? 'Two pictures are ticked.'
      : 'One picture is ticked; tick another one to compare them.');
    said.setAttribute('role', 'status');
    const go = make('a', 'hm-button hm-primary', 'Compare');
    go.href = `refine?compare=${picked.join(',')}`;
    go.hidden = picked.length < 2;
    const clear = make('button', 'hm-button', 'Clear');
    clear.type = 'button';
    clear.addEventListener('click', () => keep([]));
    found.replaceChildren(said, go, clear);
    // inside of what Gradio prefixes our style sheet with, so that buttons look like buttons
    const home = document.querySelector('.gradio-container .contain') || document.body;
    if (!found.isConnected) home.append(found);
  }

  let shown = '';
  function sync() {
    const boxes = [...document.querySelectorAll('[data-hm-compare]')];
    boxes.forEach((box) => { box.checked = picked.includes(box.dataset.hmCompare); });
    const state = `${picked.join(',')}|${boxes.length > 0}`;
    const old = document.getElementById('compare-bar');
    if (state === shown && (!old || old.isConnected)) return;
    shown = state;
    if (boxes.length) bar(); else old?.remove();
  }

  document.addEventListener('change', (event) => {
    if (!event.target.matches('[data-hm-compare]')) return;
    const id = event.target.dataset.hmCompare;
    keep([...picked.filter((each) => each !== id), ...(event.target.checked ? [id] : [])]);
  });
  let waiting = 0;
  new MutationObserver(() => {
    if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; sync(); });
  }).observe(document.documentElement, { childList: true, subtree: true });

  Object.assign(window.hm, { filters, filtered: inForm, filteredFirst: () => wanted(inAddress()) });
})();

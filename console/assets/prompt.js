/* The Model prompt: $model and $product as chips and while typing, and what stands for nothing yet.
   The rules are the service's own (serve/line/templates.py); it has the last word. */
(() => {
  'use strict';
  const LONGEST = 32;
  const field = () => document.querySelector('#prompt textarea');
  const place = () => document.querySelector('[data-hm-prompt]');
  const make = (tag, className, content) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (content !== undefined) node.textContent = content;
    return node;
  };

  /* --- what is chosen on this page --- */
  function chosen() {
    const model = document.querySelector('.hm-chosen[data-model] strong');
    const products = [...document.querySelectorAll('#product-cards input:checked')]
      .map((box) => box.closest('label').querySelector('strong').textContent);
    return { model: model ? model.textContent : '', products,
      closed: Boolean(document.querySelector('[data-hm-no-model]')) };
  }

  /* --- every placeholder that stands for nothing, in words; `open` is what may still be chosen --- */
  function problems(text, have) {
    const found = new Set();
    const open = new Set();
    for (const [, token] of text.matchAll(/\$(\$|[\p{L}\p{N}_]+)?/gu)) {
      if (token === '$') continue;
      if (token === undefined) {
        found.add('A $ stands alone; write $$ for a dollar sign.');
        continue;
      }
      const name = `$${token.slice(0, LONGEST)}`;
      const parts = /^(model|product)([1-9][0-9]?)?$/.exec(token);
      if (!parts) {
        found.add(`${name} is not known. Use $model or $product; $$ is a dollar sign.`);
      } else if (parts[1] === 'model') {
        if (have.closed) found.add(`${name} can't be used with this tool.`);
        else if (!have.model) open.add(`${name} stands for nobody yet: choose a model.`);
        else if (Number(parts[2] || 1) > 1) found.add(`${name}: only one model can be chosen.`);
      } else if (!have.products.length) {
        open.add(`${name} stands for nothing yet: choose a product.`);
      } else if (Number(parts[2] || 1) > have.products.length) {
        found.add(`${name}: only ${have.products.length} chosen.`);
      }
    }
    return { wrong: [...found], open: [...open] };
  }

  function hints(text, have) {
    const named = (word) => new RegExp(`\\$${word}1?(?![\\p{L}\\p{N}_])`, 'u').test(text);
    const found = [];
    if (have.model && !named('model')) found.push(`${have.model} is chosen, but the prompt has no $model.`);
    if (have.products.length && !named('product')) {
      found.push(`${have.products[0]} is chosen, but the prompt has no $product.`);
    }
    return found;
  }

  /* --- chips: what can be put into the prompt, and what it stands for --- */
  function offers(have) {
    const list = have.closed ? [] : [['$model', have.model || 'no model chosen', !have.model]];
    const many = have.products.length > 1;
    (have.products.length ? have.products : ['']).forEach((name, at) => {
      list.push([many && at ? `$product${at + 1}` : '$product', name || 'no product chosen', !name]);
    });
    return list;
  }

  let drawn = '';
  function refresh() {
    const area = field();
    const here = place();
    if (!area || !here) return;
    const have = chosen();
    // a word that is still being typed is completed, not held against anybody
    const said = options.length
      ? area.value.slice(0, begin) + area.value.slice(area.selectionStart) : area.value;
    const { wrong, open } = problems(said, have);
    const told = wrong.length || open.length ? [...wrong, ...open] : hints(said, have);
    const state = JSON.stringify([have, told, wrong.length]);
    if (state === drawn && here.childElementCount) return;
    drawn = state;
    const chips = make('div', 'hm-chips');
    chips.setAttribute('role', 'group');
    chips.setAttribute('aria-label', 'Put into the prompt');
    offers(have).forEach(([word, stands, empty]) => {
      const chip = make('button', `hm-chip${empty ? ' hm-open' : ''}`);
      chip.type = 'button';
      chip.dataset.hmInsert = word;
      chip.append(make('b', '', word), ' ', make('span', '', stands));
      chips.append(chip);
    });
    const line = make('ul', wrong.length ? 'hm-unresolved' : open.length ? 'hm-unresolved hm-may' : 'hm-hints');
    told.forEach((each) => line.append(make('li', '', each)));
    const status = here.querySelector('[data-hm-prompt-state]')
      || Object.assign(make('div'), { id: 'prompt-state' });
    status.dataset.hmPromptState = '';
    status.setAttribute('role', 'status');
    status.replaceChildren(...(told.length ? [line] : []));
    const before = here.querySelector('.hm-chips');
    if (before) {
      const focused = before.contains(document.activeElement)
        ? document.activeElement.dataset.hmInsert : '';
      before.replaceWith(chips);
      if (focused) chips.querySelector(`[data-hm-insert="${focused}"]`)?.focus();
    } else here.append(chips);
    here.append(status);
    area.setAttribute('aria-invalid', String(wrong.length > 0));
    area.setAttribute('aria-describedby', 'prompt-state');
  }

  /* Gradio hears of a change only through the field's own event. */
  function put(area, start, end, word) {
    const before = area.value.slice(0, start);
    const after = area.value.slice(end);
    const gap = before && !/[\s(]$/.test(before) ? ' ' : '';
    const rest = after && !/^[\s.,;:!?')]/.test(after) ? ' ' : '';
    area.value = before + gap + word + rest + after;
    const at = (before + gap + word + rest).length;
    area.dispatchEvent(new Event('input', { bubbles: true }));
    area.focus();
    area.setSelectionRange(at, at);
  }

  document.addEventListener('click', (event) => {
    const chip = event.target.closest && event.target.closest('[data-hm-insert]');
    const area = field();
    if (chip && area) put(area, area.selectionStart, area.selectionEnd, chip.dataset.hmInsert);
  });

  /* --- completion: a list while a word that begins with $ is typed --- */
  let options = [];
  let active = 0;
  let begin = -1;
  const list = () => document.getElementById('prompt-options');

  function close() {
    options = [];
    list()?.remove();
    requestAnimationFrame(refresh);
    const area = field();
    if (!area) return;
    area.removeAttribute('aria-activedescendant');
    area.removeAttribute('aria-controls');
  }

  function suggest() {
    const area = field();
    const typed = /(^|[^$])(?:\$\$)*\$([\p{L}\p{N}_]*)$/u.exec(area.value.slice(0, area.selectionStart));
    if (!typed || area.selectionStart !== area.selectionEnd) return close();
    begin = area.selectionStart - typed[2].length - 1;
    const all = [...offers(chosen()), ['$$', 'a dollar sign', false]];
    options = all.filter(([word]) => word.slice(1).startsWith(typed[2].toLowerCase()));
    if (!options.length || (options.length === 1 && options[0][0] === `$${typed[2]}`)) return close();
    active = 0;
    return show(area);
  }

  function show(area) {
    const found = list() || make('ul', 'hm-options');
    found.id = 'prompt-options';
    found.setAttribute('role', 'listbox');
    found.setAttribute('aria-label', 'Placeholders');
    found.replaceChildren(...options.map(([word, stands], at) => {
      const row = make('li');
      row.id = `prompt-option-${at}`;
      row.setAttribute('role', 'option');
      row.setAttribute('aria-selected', String(at === active));
      row.append(make('b', '', word), ' ', make('span', '', stands));
      row.addEventListener('pointerdown', (event) => { event.preventDefault(); accept(at); });
      return row;
    }));
    if (!found.isConnected) place()?.prepend(found);
    area.setAttribute('aria-autocomplete', 'list');
    area.setAttribute('aria-controls', 'prompt-options');
    area.setAttribute('aria-activedescendant', `prompt-option-${active}`);
  }

  function accept(at) {
    const area = field();
    const word = options[at][0];
    const end = area.selectionStart;
    close();
    put(area, begin, end, word);
    close();
  }

  document.addEventListener('keydown', (event) => {
    if (!options.length || event.target !== field()) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      active = (active + step + options.length) % options.length;
      show(event.target);
    } else if (event.key === 'Enter' || event.key === 'Tab') accept(active);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);

  document.addEventListener('input', (event) => {
    if (event.target !== field()) return;
    suggest();
    refresh();
  });
  document.addEventListener('focusout', (event) => { if (event.target === field()) close(); });
  document.addEventListener('change', () => setTimeout(refresh));

  /* the model's card, the products and the field itself are drawn by Gradio whenever it likes */
  let waiting = 0;
  new MutationObserver(() => {
    if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; refresh(); });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();

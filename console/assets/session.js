/* The door, the bar and the wait, on every page: a click shows at once that it works, a session that
   has ended leads to sign-in and back, and the bar folds on a narrow window. */
(() => {
  'use strict';
  const SLOW_MS = 120;  // what is answered sooner needs no sign
  const running = new Map();  // Gradio's event id -> the button that is busy with it
  let pressed = null;  // the button of the last click or Enter
  let pressedAt = 0;

  /* --- busy: the button that started something says so until its answer has come --- */
  const mark = (button, busy) => {
    if (!button) return;
    button.classList.toggle('hm-busy', busy);
    if (busy) button.setAttribute('aria-busy', 'true'); else button.removeAttribute('aria-busy');
  };
  const note = (event) => {
    const button = event.target.closest && event.target.closest('button, label, [role=tab]');
    pressed = button || null;
    pressedAt = performance.now();
  };
  document.addEventListener('click', note, true);

  /* <html data-hm> says whether the page waits for an answer: `busy` or `ready` */
  let waiting = 0;
  let loaded;  // what somebody gives before the page's first answer waits, or that answer wipes it
  window.hm.loaded = new Promise((resolve) => { loaded = resolve; });
  const settle = () => requestAnimationFrame(() => requestAnimationFrame(() => {
    if (waiting) return;
    document.documentElement.dataset.hm = 'ready';
    loaded();
    window.hmReadyAt = window.hmReadyAt || performance.now();  // benchmarks/console.py
  }));
  function begin() {
    const button = performance.now() - pressedAt < 1000 ? pressed : null;
    pressed = null;
    waiting += 1;
    document.documentElement.dataset.hm = 'busy';
    const timer = setTimeout(() => mark(button, true), SLOW_MS);
    let open = true;
    return {
      end: () => {
        if (!open) return;
        open = false;
        waiting -= 1;
        clearTimeout(timer);
        mark(button, false);
        settle();
      },
    };
  }

  async function follow(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split('\n');
        rest = lines.pop();
        lines.filter((line) => line.includes('"process_completed"') || line.includes('"unexpected_error"'))
          .forEach((line) => {
            const found = /"event_id":\s*"(\w+)"/.exec(line);
            if (found && running.has(found[1])) { running.get(found[1]).end(); running.delete(found[1]); }
          });
      }
    } catch (error) { /* the page was left, or the connection went: below */ }
    running.forEach((each) => each.end());
    running.clear();
  }

  /* --- a session that has ended: say it once, lead to sign-in and back; what was asked waits --- */
  const address = () => `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  let dialog = null;
  let back = null;  // resolves when somebody is signed in again
  function signedOut() {
    if (back) return back;
    dialog = document.createElement('dialog');
    dialog.className = 'hm-dialog';
    dialog.setAttribute('aria-labelledby', 'hm-signed-out');
    dialog.innerHTML = '<h2 id="hm-signed-out">You are signed out</h2>'
      + '<p>Your session has ended. Sign in to go on; you come back to this page.</p>'
      + '<p class="hm-row"><a class="hm-button hm-primary" data-hm-in>Sign in</a>'
      + '<a class="hm-button" data-hm-in target="_blank" rel="opener">Sign in in a new tab</a></p>'
      + '<p class="hm-muted">The new tab keeps what you entered here: sign in there, then come back.</p>';
    dialog.querySelectorAll('[data-hm-in]').forEach((link) => { link.href = address(); });
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
    back = new Promise((resolve) => {
      const look = async () => {
        if (document.hidden) return;
        const answer = await plain('/v1/account', { credentials: 'same-origin' }).catch(() => null);
        if (!answer || !answer.ok || !back) return;
        document.removeEventListener('visibilitychange', look);
        window.removeEventListener('focus', look);
        dialog.remove();
        back = null;
        resolve();
      };
      document.addEventListener('visibilitychange', look);
      window.addEventListener('focus', look);
    });
    return back;
  }
  document.addEventListener('click', (event) => {
    const link = event.target.closest && event.target.closest('a[href="/sign-in"]');
    if (link) link.href = address();
  }, true);

  /* --- Gradio and our own scripts both ask through fetch --- */
  const plain = window.fetch.bind(window);
  window.fetch = async (input, init) => {
    const path = new URL(input.url || input, location.href).pathname;
    const ours = path.startsWith('/v1/') || path.includes('/gradio_api/');
    if (!ours) return plain(input, init);
    const wait = path.endsWith('/queue/join') ? begin() : null;
    let answer;
    try {
      answer = await plain(input, init);
      while (answer.status === 401) {
        await signedOut();
        answer = await plain(input, init);
      }
    } catch (error) {
      if (wait) wait.end();
      throw error;
    }
    if (wait) {
      if (answer.ok) {
        const told = await answer.clone().json().catch(() => ({}));
        if (told.event_id) running.set(told.event_id, wait); else wait.end();
      } else wait.end();
    }
    if (path.endsWith('/queue/data') && answer.ok && answer.body) {
      const [theirs, copy] = answer.body.tee();
      follow(copy);
      return new Response(theirs, { status: answer.status, headers: answer.headers });
    }
    return answer;
  };

  /* --- the bar on a narrow window --- */
  const menu = () => document.querySelector('.hm-menu');
  function unfold(open) {
    const button = menu();
    if (!button) return;
    button.setAttribute('aria-expanded', String(open));
    button.closest('.hm-top').classList.toggle('hm-open', open);
  }
  document.addEventListener('click', (event) => {
    const button = event.target.closest && event.target.closest('.hm-menu');
    if (button) unfold(button.getAttribute('aria-expanded') !== 'true');
  });
  document.addEventListener('keydown', (event) => {
    const button = menu();
    if (event.key === 'Escape' && button && button.getAttribute('aria-expanded') === 'true') {
      unfold(false);
      button.focus();
    }
  });
})();

'use strict';
(() => {
  const live = document.getElementById('live');
  const filter = document.getElementById('filter');
  const input = filter.querySelector('input');
  const connection = document.getElementById('connection');
  const touched = new Map();
  let shown = null;

  const applyFilter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const account of live.querySelectorAll('.account')) {
      const text = account.dataset.search.toLowerCase();
      account.hidden = !words.every((word) => text.includes(word));
    }
  };

  const details = (key) => live.querySelector('details[data-key="' + CSS.escape(key) + '"]');

  const enhance = () => {
    for (const [key, open] of touched) {
      const element = details(key);
      if (element) element.open = open;
    }
    for (const element of live.querySelectorAll('details')) {
      element.querySelector('summary').addEventListener('click', () => {
        touched.set(element.dataset.key, !element.open);
      });
    }
    const pre = document.getElementById('scrape');
    applyFilter();
    if (document.getElementById('copy')) return;
    const button = document.createElement('button');
    button.id = 'copy';
    button.textContent = 'Copy';
    button.addEventListener('click', () => {
      getSelection().selectAllChildren(pre);
      if (navigator.clipboard) navigator.clipboard.writeText(pre.textContent).catch(() => {});
    });
    pre.after(button);
  };

  const scrapeSection = (from) => from.getElementById('scrape').closest('section');

  // Whether the reader has selected something that would be replaced.
  const isSelected = (kept) => {
    const selection = getSelection();
    if (selection.isCollapsed || !selection.rangeCount) return false;
    const range = selection.getRangeAt(0);
    return range.intersectsNode(live) && !(kept && kept.contains(range.commonAncestorContainer));
  };

  // Replaces what is shown, except how to scrape it, which hardly ever changes and is there to be copied.
  const show = (next) => {
    const [old, fresh] = [scrapeSection(document), scrapeSection(next)];
    const text = (section) => section.querySelector('pre').textContent;
    const kept = text(old) === text(fresh) ? old : null;
    if (isSelected(kept)) return false;
    if (kept) fresh.remove();
    for (const node of [...live.childNodes]) if (node !== kept) node.remove();
    live.prepend(...next.getElementById('live').childNodes);
    return true;
  };

  const refresh = async () => {
    if (document.hidden) return;
    let reason = 'The exporter does not answer';
    try {
      const answer = await fetch(location.origin + location.pathname, { cache: 'no-store', signal: AbortSignal.timeout(10000) });
      if (!answer.ok) {
        reason = 'The exporter answers ' + (answer.status + ' ' + answer.statusText).trim();
        throw new Error(reason);
      }
      const html = await answer.text();
      reason = 'What answers is not this page';
      const next = new DOMParser().parseFromString(html, 'text/html');
      const body = next.getElementById('live').innerHTML;
      const focused = document.activeElement;
      const key = focused && focused.tagName === 'SUMMARY' ? focused.parentElement.dataset.key : null;
      const id = focused && live.contains(focused) ? focused.id : null;
      document.title = next.title;
      document.querySelector('link[rel=icon]').href = next.querySelector('link[rel=icon]').href;
      if (body === shown) {
        connection.textContent = '';
        return;
      }
      if (!show(next)) {
        connection.textContent = 'Waits for the end of your selection.';
        return;
      }
      shown = body;
      enhance();
      const again = key ? details(key)?.querySelector('summary') : id ? document.getElementById(id) : null;
      if (again) again.focus({ preventScroll: true });
      connection.textContent = '';
    } catch {
      connection.textContent = reason + '; what is shown is old.';
    }
  };

  filter.hidden = false;
  filter.addEventListener('submit', (event) => event.preventDefault());
  input.addEventListener('input', applyFilter);
  document.addEventListener('visibilitychange', refresh);
  enhance();
  const again = () => setTimeout(async () => { await refresh(); again(); }, 5000);
  again();
})();

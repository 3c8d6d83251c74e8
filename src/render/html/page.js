// Filters, folds and moves the focus. All that there is to read stands in the page without it. It makes no markup of text.
'use strict';
(() => {
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const one = (id) => document.getElementById(id);
  const typed = (input) => (input ? input.value.toLowerCase().split(/\s+/).filter(Boolean) : []);
  const has = (text, wanted) => wanted.every((word) => text.includes(word));
  const read = (element) => element.textContent.toLowerCase();
  const shown = one('shown');
  const say = (text) => { if (shown && shown.textContent !== text) shown.textContent = text; };
  // What does nothing without a script is not seen without one; its room is kept, so that nothing moves.
  all('.unready').forEach((tools) => tools.classList.remove('unready'));

  const matrix = one('matrix');
  const input = one('filter');
  if (matrix) grid(matrix); else if (input) list(one(input.dataset.filter));

  // Lists: items whose text holds every word stay, and what holds one is unfolded.
  function list(root) {
    const items = all('[data-item]', root).map((item) => ({ item, text: null }));
    const homes = all('details, .event, .day', root);
    // What is above an item is told of each: the account, or who and when.
    const text = (each) => {
      if (each.text === null) {
        const home = each.item.closest('details, .event');
        const day = each.item.closest('.day');
        const above = [home && home.querySelector('summary, .head'), day && day.querySelector('h3')];
        each.text = [...above.filter(Boolean), each.item].map(read).join(' ');
      }
      return each.text;
    };
    input.addEventListener('input', () => {
      const wanted = typed(input);
      let count = 0;
      for (const each of items) {
        const fits = has(text(each), wanted);
        each.item.hidden = !fits;
        if (fits) count += 1;
      }
      for (const home of homes) {
        home.hidden = !home.querySelector('[data-item]:not([hidden])');
        if (wanted.length && !home.hidden && home.tagName === 'DETAILS') home.open = true;
      }
      say(wanted.length ? `${count} of ${items.length} shown` : '');
    });
    all('[data-fold]').forEach((button) => button.addEventListener('click', () => {
      all('details', root).forEach((home) => { home.open = button.dataset.fold === 'open'; });
    }));
  }

  // The matrix: rows and columns by their words; arrows move from cell to cell.
  function grid(table) {
    const accounts = one('accounts');
    const keyed = one('keyed');
    const detail = one('detail');
    const heads = Array.from(table.tHead.rows[0].cells).slice(1);
    const columns = heads.map((head) => ({ head, text: read(head), keys: head.hasAttribute('data-keys'), on: true }));
    const bodies = Array.from(table.tBodies);
    const rows = bodies.flatMap((body) => Array.from(body.rows).filter((row) => !row.classList.contains('kind')).map((row) => ({
      row, cells: Array.from(row.cells).slice(1), kind: body.querySelector('.kind'), keys: body.classList.contains('keys'), text: null, members: [], home: null, opened: false,
    })));
    // A group is found by its name, and by each of its members.
    const prepare = (each) => {
      if (each.text !== null) return;
      const head = each.row.cells[0];
      each.home = head.querySelector('details.members');
      each.members = each.home ? all('li', each.home).map((item) => ({ item, text: read(item) })) : [];
      const own = Array.from(head.childNodes).filter((node) => node !== each.home).map(read);
      each.text = [...own, each.kind ? read(each.kind) : ''].join(' ');
    };
    // Whether a row is about whoever is looked for; members who are not are hidden while others are the reason.
    const about = (each, who) => {
      prepare(each);
      const whole = has(each.text, who);
      const found = each.members.filter((member) => whole || has(member.text, who));
      for (const member of each.members) member.item.hidden = !found.includes(member);
      const open = !whole && found.length > 0;
      if (each.home && open !== each.opened) each.home.open = each.opened = open;
      return whole || found.length > 0;
    };
    const people = rows.filter((each) => !each.keys);

    const filter = () => {
      const [who, where] = [typed(input), typed(accounts)];
      const narrowed = where.length > 0 || keyed.checked;
      columns.forEach((column, at) => {
        const on = has(column.text, where) && (column.keys || !keyed.checked);
        if (on !== column.on) {
          column.on = on;
          column.head.hidden = !on;
          for (const each of rows) each.cells[at].hidden = !on;
        }
      });
      for (const each of rows) {
        const reaches = !narrowed || each.cells.some((cell, at) => columns[at].on && cell.textContent !== '');
        each.row.hidden = !((each.keys || about(each, who)) && reaches);
      }
      for (const body of bodies) {
        const kind = body.querySelector('.kind');
        if (kind) {
          body.hidden = !Array.from(body.rows).some((row) => row !== kind && !row.hidden);
        }
      }
      const [seen, open] = [people.filter((each) => !each.row.hidden).length, columns.filter((column) => column.on).length];
      const is = who.length > 0 || narrowed;
      say(is ? `${seen} of ${people.length} principals, ${open} of ${columns.length} accounts shown` : '');
    };
    input.addEventListener('input', filter);
    accounts.addEventListener('input', filter);
    keyed.addEventListener('change', filter);
    // What each cell says, in short and in words, stands in a list.
    const ways = all('#ways > li').map((way) => Array.from(way.children).map((part) => part.textContent));
    const said = (cell) => (cell.dataset.w === undefined ? cell.textContent : ways[cell.dataset.w][1]);
    const worded = one('words');
    worded.addEventListener('change', () => {
      table.className = worded.checked ? 'words' : 'codes';
      all('td[data-w]', table).forEach((cell) => { cell.textContent = ways[cell.dataset.w][worded.checked ? 1 : 0]; });
    });

    // One cell takes the focus by Tab, the others by arrows.
    table.setAttribute('role', 'grid');
    let current = null;
    const focus = (cell) => {
      if (!cell) return;
      if (current) current.tabIndex = -1;
      current = cell;
      cell.tabIndex = 0;
    };
    const tell = (cell) => {
      const row = cell.closest('tr');
      const column = columns[cell.cellIndex - 1];
      if (!column || row.parentElement === table.tHead) return;
      const name = (element) => (element.querySelector('.name') || element).textContent.trim();
      detail.hidden = cell.textContent === '';
      detail.textContent = detail.hidden ? '' : `${name(row.cells[0])} on ${name(column.head)}: ${said(cell)}`;
    };
    const first = table.querySelector('tbody td[data-w]') || table.querySelector('tbody td');
    focus(first);
    table.addEventListener('focusin', (event) => {
      const cell = event.target.closest('td');
      if (!cell) return;
      focus(cell);
      tell(cell);
      // A screen reader says the words, not the code.
      if (cell.dataset.w !== undefined) cell.setAttribute('aria-label', said(cell));
    });
    table.addEventListener('click', (event) => {
      const cell = event.target.closest('tbody td');
      if (cell) { focus(cell); cell.focus(); }
    });
    table.addEventListener('mouseover', (event) => {
      const cell = event.target.closest('tbody td');
      if (cell) tell(cell);
    });
    // From the first cell of a group, the arrow to the left leads to its members, and up and down to those of the next group.
    all('summary', table).forEach((summary) => { summary.tabIndex = -1; });
    const unfolder = (row) => row && row.cells[0].querySelector('summary');
    table.addEventListener('keydown', (event) => {
      const summary = event.target.closest('summary');
      if (!summary) return;
      const folds = rows.filter((each) => each.row.offsetParent !== null).map((each) => unfolder(each.row)).filter(Boolean);
      const at = folds.indexOf(summary);
      const first = columns.findIndex((column) => column.on);
      const target = {
        ArrowUp: () => folds[at - 1],
        ArrowDown: () => folds[at + 1],
        ArrowRight: () => summary.closest('tr').cells[first + 1],
      }[event.key];
      if (!target) return;
      event.preventDefault();
      const next = target();
      if (next) { if (next.tagName === 'TD') focus(next); next.focus(); next.scrollIntoView({ block: 'nearest' }); }
    });
    table.addEventListener('keydown', (event) => {
      const cell = event.target.closest('tbody td');
      if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
      const lines = rows.filter((each) => !each.row.hidden && each.row.offsetParent !== null);
      const line = lines.findIndex((each) => each.row === cell.parentElement);
      const open = columns.map((column, at) => at).filter((at) => columns[at].on);
      const place = open.indexOf(cell.cellIndex - 1);
      const go = (to, at) => lines[to] && open[at] !== undefined && lines[to].cells[open[at]];
      const last = open.length - 1;
      const page = 10;
      const target = {
        ArrowUp: () => go(line - 1, place),
        ArrowDown: () => go(line + 1, place),
        ArrowLeft: () => (place > 0 ? go(line, place - 1) : unfolder(cell.parentElement)),
        ArrowRight: () => go(line, place + 1),
        Home: () => go(line, 0),
        End: () => go(line, last),
        PageUp: () => go(Math.max(line - page, 0), place),
        PageDown: () => go(Math.min(line + page, lines.length - 1), place),
      }[event.key];
      if (!target) return;
      event.preventDefault();
      const next = target();
      if (next) { if (next.tagName === 'TD') focus(next); next.focus(); next.scrollIntoView({ block: 'nearest', inline: 'nearest' }); }
    });
  }

  // Paper folds nothing.
  const folded = new Set();
  addEventListener('beforeprint', () => all('details:not([open])').forEach((home) => { folded.add(home); home.open = true; }));
  addEventListener('afterprint', () => { folded.forEach((home) => { home.open = false; }); folded.clear(); });
})();

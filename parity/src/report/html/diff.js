// SPDX-License-Identifier: GPL-2.0-or-later
// Two texts side by side, with everything visible that a terminal would not show.

// The shortest edit from list `a` to list `b` (Myers), as hunks [same, a from, a to, b from, b to].
// Beyond `most` differences it gives up and calls all between the common ends different.
function edits(a, b, most = 800) {
  let start = 0;
  let aEnd = a.length;
  let bEnd = b.length;
  while (start < aEnd && start < bEnd && a[start] === b[start]) start += 1;
  while (aEnd > start && bEnd > start && a[aEnd - 1] === b[bEnd - 1]) {
    aEnd -= 1;
    bEnd -= 1;
  }
  const hunks = [];
  const add = (same, a0, a1, b0, b1) => {
    if (a0 === a1 && b0 === b1) return;
    const last = hunks[hunks.length - 1];
    if (last && last[0] === same) {
      last[2] = a1;
      last[4] = b1;
    } else hunks.push([same, a0, a1, b0, b1]);
  };
  add(true, 0, start, 0, start);
  const path = middle(a.slice(start, aEnd), b.slice(start, bEnd), most);
  if (path) for (const [same, a0, a1, b0, b1] of path) add(same, a0 + start, a1 + start, b0 + start, b1 + start);
  else add(false, start, aEnd, start, bEnd);
  add(true, aEnd, a.length, bEnd, b.length);
  return hunks;
}

// The steps of the shortest edit, one by one; null beyond `most` differences.
function middle(a, b, most) {
  const n = a.length;
  const m = b.length;
  const limit = Math.min(most, n + m);
  const trace = [];
  let reach = new Map([[1, 0]]);
  for (let d = 0; d <= limit; d += 1) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? reach.get(k + 1) ?? 0 : (reach.get(k - 1) ?? 0) + 1;
      while (x < n && x - k < m && a[x] === b[x - k]) x += 1;
      reach.set(k, x);
      if (x >= n && x - k >= m) return backwards(trace, n, m);
    }
  }
  return null;
}

function backwards(trace, n, m) {
  const steps = [];
  let x = n;
  let y = m;
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const reach = trace[d];
    const k = x - y;
    const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const before = down ? k + 1 : k - 1;
    const px = d === 0 ? 0 : reach.get(before) ?? 0;
    const py = d === 0 ? 0 : px - before;
    const sx = d === 0 ? 0 : down ? px : px + 1;
    if (x > sx) steps.push([true, sx, x, y - (x - sx), y]);
    if (d > 0) steps.push([false, px, sx, py, down ? py + 1 : py]);
    x = px;
    y = py;
  }
  return steps.reverse();
}

// Lines with their ends; no line for the nothing behind the last end.
const linesOf = (part) => part.match(/[^\n]*\n|[^\n]+/g) ?? [];

// Runs of blanks, tabs, line ends, and characters that print nothing or turn the text around.
const UNSEEN = /( +)|(\t)|(\r?\n)|([\u0000-\u001f\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd])/g;

function unseenName(character) {
  const code = character.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return code === 0x7f ? '\u2421' : 'U+' + code.toString(16).toUpperCase().padStart(4, '0');
}

// Appends text to an element with its unseen characters marked. What is copied from it is the text
// itself, without its line end. `rest` is what follows on the line, for blanks at its end.
function appendText(element, part, rest = '') {
  let at = 0;
  for (const match of part.matchAll(UNSEEN)) {
    if (match.index > at) element.append(part.slice(at, match.index));
    at = match.index + match[0].length;
    const [whole, blanks, tab, end] = match;
    if (blanks) element.append(h((part.slice(at) + rest).trim() ? 'span.sp' : 'span.sp.trailing', null, blanks));
    else if (tab) element.append(h('span.tab', null, tab));
    else if (end) {
      if (end.length > 1) element.append(h('span.ctl', { 'data-name': '\u240d' }));
      element.append(h('span.eol'));
    } else element.append(h('span.ctl', { 'data-name': unseenName(whole) }));
  }
  if (at < part.length) element.append(part.slice(at));
}

// A line as it was typed; single blanks between words need no marks.
function lineElement(line) {
  const code = h('code');
  if (/^ | $| {2}|[^ -~]/.test(line)) appendText(code, line);
  else code.append(line);
  return code;
}

const tokens = (line) => line.match(/[\p{L}\p{N}_]+|[^\p{L}\p{N}_]/gu) ?? [];

// Fills two elements with two lines, the parts that differ marked.
function fillPair(left, right, a, b) {
  const [at, bt] = [tokens(a), tokens(b)];
  const hunks = edits(at, bt, 300);
  const alike = hunks.reduce((sum, [same, a0, a1]) => sum + (same ? at.slice(a0, a1).join('').trim().length : 0), 0);
  if (alike * 4 < Math.min(a.length, b.length)) {
    appendText(left, a);
    appendText(right, b);
    return;
  }
  for (const [same, a0, a1, b0, b1] of hunks) {
    for (const [cell, list, from, to] of [[left, at, a0, a1], [right, bt, b0, b1]]) {
      if (from === to) continue;
      const into = same ? cell : cell.appendChild(h('mark'));
      appendText(into, list.slice(from, to).join(''), list.slice(to).join(''));
    }
  }
}

const CONTEXT = 3;

// What a diff shows: rows of equal lines, pairs of lines that differ, and folds.
function diffRows(a, b, folded) {
  const rows = [];
  const hunks = edits(a, b);
  hunks.forEach(([same, a0, a1, b0, b1], at) => {
    if (!same) {
      for (let i = 0; i < Math.max(a1 - a0, b1 - b0); i += 1) {
        rows.push({ kind: 'changed', a: a0 + i < a1 ? a0 + i : -1, b: b0 + i < b1 ? b0 + i : -1 });
      }
      return;
    }
    const equal = Array.from({ length: a1 - a0 }, (_, i) => ({ kind: 'equal', a: a0 + i, b: b0 + i }));
    const head = at === 0 ? 0 : CONTEXT;
    const tail = at === hunks.length - 1 ? 0 : CONTEXT;
    if (folded && equal.length > head + tail + 3) {
      rows.push(...equal.slice(0, head));
      rows.push({ kind: 'fold', rows: equal.slice(head, equal.length - tail) });
      rows.push(...equal.slice(equal.length - tail));
    } else rows.push(...equal);
  });
  return rows;
}

// How diffs are shown; kept for the next visit.
const look = {
  marks: memory.get('marks', '1') === '1',
  fold: memory.get('fold', '1') === '1',
  stacked: memory.get('stacked', '') === '1',
};
const narrow = window.matchMedia('(max-width: 760px)');

// The diff of two texts (as `text` gives them). `names` are the titles of the sides.
function diffView(a, b, names) {
  const [left, right] = [linesOf(a.part), linesOf(b.part)];
  const stacked = look.stacked || narrow.matches;
  const body = h('tbody');
  const number = (at, whole) => h('td.ln', at < 0 ? null : { 'data-n': at + 1 + (whole.lines ?? 0) });
  const empty = () => h('td.void');
  const one = (kind, at, list) => {
    const cell = h(`td.${kind}`);
    if (at >= 0) appendText(cell, list[at]);
    return cell;
  };
  const equalRow = ({ a: i, b: j }) => (stacked
    ? h('tr', null, number(i, a), number(j, b), one('same', i, left))
    : h('tr', null, number(i, a), one('same', i, left), number(j, b), one('same', j, right)));
  const changedRows = (pairs) => {
    const made = pairs.map(({ a: i, b: j }) => {
      const [l, r] = [i < 0 ? empty() : h('td.del'), j < 0 ? empty() : h('td.add')];
      if (i >= 0 && j >= 0) fillPair(l, r, left[i], right[j]);
      else if (i >= 0) appendText(l, left[i]);
      else appendText(r, right[j]);
      return [i, l, j, r];
    });
    if (!stacked) return made.map(([i, l, j, r]) => h('tr', null, number(i, a), l, number(j, b), r));
    return [
      ...made.filter(([i]) => i >= 0).map(([i, l]) => h('tr', null, number(i, a), number(-1), l)),
      ...made.filter(([, , j]) => j >= 0).map(([, , j, r]) => h('tr', null, number(-1), number(j, b), r)),
    ];
  };
  let pending = [];
  const flush = () => {
    body.append(...changedRows(pending));
    pending = [];
  };
  for (const row of diffRows(left, right, look.fold)) {
    if (row.kind === 'changed') {
      pending.push(row);
      continue;
    }
    flush();
    if (row.kind === 'equal') body.append(equalRow(row));
    else {
      const fold = h('tr.fold', null, h('td', { colspan: stacked ? 3 : 4 },
        h('button.quiet', { type: 'button', onclick: () => fold.replaceWith(...row.rows.map(equalRow)) },
          `show ${plural(row.rows.length, 'equal line')}`)));
      body.append(fold);
    }
  }
  flush();
  const heads = stacked
    ? [h('th', { colspan: 3, scope: 'col' }, h('span.side.del', null, names[0]), h('span.side.add', null, names[1]))]
    : [h('th', { colspan: 2, scope: 'col' }, names[0]), h('th', { colspan: 2, scope: 'col' }, names[1])];
  const widths = stacked ? ['ln', 'ln', ''] : ['ln', '', 'ln', ''];
  return h('div.diff', { tabindex: 0, role: 'group', 'aria-label': names.join(' and ') },
    cutNote([[names[0], a], [names[1], b]]),
    h(`table${stacked ? '.stacked' : ''}`, null,
      h('colgroup', null, widths.map((name) => h('col' + (name && '.' + name)))),
      h('thead', null, h('tr', null, heads)),
      body.children.length ? body : h('tbody', null, h('tr', null, h('td.void', { colspan: 4 }, 'both sides are empty')))));
}

// One text alone.
function textView(whole, title) {
  const lines = linesOf(whole.part);
  const rows = lines.map((line, at) => {
    const cell = h('td.same');
    appendText(cell, line);
    return h('tr', null, h('td.ln', { 'data-n': at + 1 + (whole.lines ?? 0) }), cell);
  });
  if (!rows.length) rows.push(h('tr', null, h('td.void', { colspan: 2 }, 'nothing was printed')));
  return h('div.diff', { tabindex: 0, role: 'group', 'aria-label': title },
    cutNote([[title, whole]]),
    h('table.alone', null,
      h('colgroup', null, h('col.ln'), h('col')),
      h('thead', null, h('tr', null, h('th', { colspan: 2, scope: 'col' }, title))),
      h('tbody', null, rows)));
}

// Says where texts were cut.
function cutNote(sides) {
  const cut = sides.filter(([, whole]) => whole.size !== undefined);
  if (!cut.length) return null;
  const kib = (bytes) => `${grouped(Math.round(bytes / 1024))} KiB`;
  return h('p.cut', null, cut.map(([name, whole]) => `${name}: ${kib(whole.size)} in all, shown from byte ${grouped(whole.from)}. `),
    `At most ${kib(raw.cap)} of an answer are in this page; the JSON report has all of it.`);
}

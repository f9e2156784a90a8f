// SPDX-License-Identifier: GPL-2.0-or-later
// Moving in a grid of elements with the arrow keys: one of them can be reached with Tab, the others
// from it.

// Rows are siblings for which `isRow` is true; stops are children of a row that have a tabindex.
// What comes back takes the focus somewhere, and says which stop is reached with Tab.
function gridKeys(root, isRow) {
  let current = null;
  const take = (stop) => {
    current?.setAttribute('tabindex', '-1');
    stop?.setAttribute('tabindex', '0');
    current = stop;
  };
  const go = (stop) => {
    if (!stop) return;
    take(stop);
    stop.focus({ preventScroll: true });
    stop.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  };
  const stopsOf = (row) => [...row.children].filter((child) => child.hasAttribute('tabindex'));
  const step = (row, forward) => {
    do row = forward ? row.nextElementSibling : row.previousElementSibling;
    while (row && (row.hidden || !isRow(row)));
    return row;
  };
  const far = (row, forward, most) => {
    let last = row;
    for (let next = step(row, forward); next && most > 0; next = step(next, forward), most -= 1) last = next;
    return last;
  };
  root.addEventListener('keydown', (event) => {
    const row = event.target.parentElement;
    if (!row || !isRow(row) || event.altKey || event.metaKey) return;
    const stops = stopsOf(row);
    const at = stops.indexOf(event.target);
    // The stop above or below by its place, since rows may have holes.
    const inRow = (other) => {
      if (!other) return null;
      const left = (stop) => Math.abs(stop.offsetLeft - event.target.offsetLeft);
      return stopsOf(other).reduce((a, b) => (a && left(a) <= left(b) ? a : b), null);
    };
    const page = Math.max(1, Math.floor(root.clientHeight / Math.max(1, row.offsetHeight)) - 2);
    const target = {
      ArrowLeft: () => stops[at - 1],
      ArrowRight: () => stops[at + 1],
      ArrowUp: () => inRow(step(row, false)),
      ArrowDown: () => inRow(step(row, true)),
      PageUp: () => inRow(far(row, false, page)),
      PageDown: () => inRow(far(row, true, page)),
      Home: () => (event.ctrlKey ? inRow(far(row, false, Infinity)) : stops[0]),
      End: () => (event.ctrlKey ? inRow(far(row, true, Infinity)) : stops[stops.length - 1]),
    }[event.key];
    if (!target) return;
    event.preventDefault();
    go(target());
  });
  root.addEventListener('focusin', (event) => {
    if (event.target.hasAttribute('tabindex') && isRow(event.target.parentElement)) take(event.target);
  });
  return { go, take, current: () => current };
}

// Figures over time, drawn as SVG in the page's own pixels, so that letters keep their size on every screen.

import { clock } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 220, LEFT = 50, RIGHT = 10, TOP = 10, BOTTOM = 24;
const ROWS = 60;

function element(name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

function html(name, className = '', text = '') {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// Round steps of time: about `most` of them in `seconds`.
function steps(seconds, most) {
  const all = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  return all.find(step => seconds / step <= most) ?? 86400 * Math.ceil(seconds / 86400 / most);
}

function linearTicks(top) {
  const raw = top / 4, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(n => n * power).find(n => n >= raw * 0.999);
  const ticks = [];
  for (let at = 0; at <= top * 1.0001; at += step) ticks.push(at);
  return ticks;
}

// 1, 2 and 5 of every decade, or the decades alone where there are many.
function logTicks(low, high) {
  const decades = Math.log10(high / low), ticks = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
    for (const n of decades > 2.5 ? [1] : [1, 2, 5]) if (n * power >= low * 0.999 && n * power <= high * 1.001) ticks.push(n * power);
  return ticks;
}

// A figure. `lines` are { label, of(point) → number or null, style, dash, worst }: where many seconds share a pixel, the
// worst of them is drawn, or their mean; `planned` has the plan drawn with the first of them. `note(point)` says what a
// point's values are of. A line with `when()` is there only when that holds.
export class Chart {
  constructor(figure, { title, about, lines, show, note = null, log = false }) {
    Object.assign(this, { figure, title, about, all: lines, show, note, log, cursor: null, view: null });
    const id = figure.id;
    figure.append(html('figcaption', '', title));
    this.legend = html('ul', 'legend');
    this.svg = element('svg', { class: 'fig', role: 'img', tabindex: 0, 'aria-labelledby': `${id}-t ${id}-d` });
    this.name = element('title', { id: `${id}-t` }, title);
    this.described = element('desc', { id: `${id}-d` }, about);
    this.details = html('details');
    this.details.append(html('summary', '', 'Numbers'));
    this.table = html('div', 'wrap');
    this.table.tabIndex = 0;
    this.details.append(this.table);
    figure.append(this.legend, this.svg, this.details);
    this.details.addEventListener('toggle', () => this.draw());
    this.svg.addEventListener('pointermove', event => this.point(event));
    this.svg.addEventListener('pointerleave', () => this.move(null));
    this.svg.addEventListener('blur', () => this.move(null));
    this.svg.addEventListener('keydown', event => this.key(event));
    new ResizeObserver(() => this.draw()).observe(figure);
  }

  get lines() {
    return this.all.filter(line => !line.when || line.when());
  }

  // Shows `view`: { points, from, to, warmUp, turns, planned(second) }.
  see(view) {
    this.view = view;
    this.draw();
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const { from, to } = this.view;
    const second = from + (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT) * (to - from);
    this.move(this.nearest(second));
  }

  nearest(second) {
    const { points } = this.view;
    let best = null;
    for (const point of points) if (!best || Math.abs(middle(point) - second) < Math.abs(middle(best) - second)) best = point;
    return best;
  }

  key(event) {
    const { points } = this.view ?? {};
    const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (!points?.length) return;
    if (event.key === 'Escape') return this.move(null);
    if (move === undefined) return;
    event.preventDefault();
    const at = this.cursor ? points.findIndex(point => point.second >= this.cursor.second) : points.length;
    this.move(points[Math.max(0, Math.min(points.length - 1, at + move))]);
  }

  move(point) {
    this.cursor = point;
    this.draw();
  }

  draw() {
    const { view } = this;
    const width = Math.round(this.svg.clientWidth || this.figure.clientWidth - 32);
    if (!view || width < 80) return;
    const { from, to } = view;
    const x = second => LEFT + (second - from) / (to - from) * (width - LEFT - RIGHT);
    const shown = view.points.filter(point => point.second + point.span_s > from && point.second < to);
    const drawn = this.lines.map(line => columns(shown, line, x));
    const planned = this.planned(view);
    const values = drawn.flat().concat(planned).map(([, value]) => value).filter(value => value !== null);
    const scale = this.scale(values);
    const parts = [this.name, this.described];
    if (view.warmUp > from) parts.push(element('rect', { class: 'shade', x: x(from), y: TOP, width: Math.max(0, x(Math.min(view.warmUp, to)) - x(from)), height: HEIGHT - TOP - BOTTOM }));
    for (const tick of scale.ticks) {
      parts.push(element('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: scale.y(tick), y2: scale.y(tick) }));
      parts.push(element('text', { x: LEFT - 7, y: scale.y(tick) + 4, 'text-anchor': 'end' }, this.show(tick)));
    }
    const step = steps(to - from, Math.max(2, width / 90));
    for (let second = Math.ceil(from / step) * step; second <= to; second += step)
      parts.push(element('text', { x: Math.min(x(second), width - RIGHT - 10), y: HEIGHT - 6, 'text-anchor': second === 0 ? 'start' : 'middle' }, clock(second)));
    for (const turn of view.turns) if (turn.second >= from && turn.second <= to) {
      const line = element('line', { class: 'turn', x1: x(turn.second), x2: x(turn.second), y1: TOP, y2: HEIGHT - BOTTOM });
      line.append(element('title', {}, `adjusted by hand at ${clock(turn.second)}`));
      parts.push(line);
    }
    if (planned.length) parts.push(element('path', { class: 'line dash le', d: path(planned.map(([second, value]) => [x(second), value]), scale.y) }));
    this.lines.forEach((line, index) => {
      if (drawn[index].length) parts.push(element('path', { class: `line ${line.style}${line.dash ? ' dash' : ''}`, d: path(drawn[index], scale.y) }));
    });
    if (!shown.length) parts.push(element('text', { x: width / 2, y: HEIGHT / 2, 'text-anchor': 'middle' }, 'no second has passed yet'));
    const cursor = this.cursor && shown.find(point => point.second + point.span_s > this.cursor.second);
    if (cursor) parts.push(element('line', { class: 'cursor', x1: x(middle(cursor)), x2: x(middle(cursor)), y1: TOP, y2: HEIGHT - BOTTOM }));
    this.svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.svg.setAttribute('height', HEIGHT);
    this.svg.replaceChildren(...parts);
    this.tell(cursor, shown);
  }

  planned(view) {
    if (!this.lines[0].planned || !view.planned) return [];
    const seconds = view.stages.flatMap(([from, to]) => [from, to]).concat([view.from, view.to]);
    const sorted = [...new Set(seconds)].filter(second => second >= view.from && second <= view.to).sort((a, b) => a - b);
    // Both sides of a jump between two stages.
    return sorted.flatMap(second => [[second, view.planned(second - 1e-6)], [second, view.planned(second + 1e-6)]]).filter(([, value]) => value !== null);
  }

  scale(values) {
    const [top, bottom] = [HEIGHT - BOTTOM, TOP];
    if (this.log) {
      const above = values.filter(value => value > 0);
      const lowest = above.length ? Math.min(...above) / 1.25 : 1e3, highest = above.length ? Math.max(...above, lowest * 4) * 1.15 : 1e5;
      const y = value => top - Math.log(Math.max(value, lowest) / lowest) / Math.log(highest / lowest) * (top - bottom);
      return { y, ticks: logTicks(lowest, highest) };
    }
    const highest = Math.max(1, ...values) * 1.08;
    const ticks = linearTicks(highest);
    return { y: value => top - value / highest * (top - bottom), ticks };
  }

  // The values under the cursor, or the newest.
  tell(cursor, shown) {
    const point = cursor ?? shown.at(-1);
    const entries = this.lines.map(line => {
      const entry = html('li', line.style.replace('l', 't'), line.label + ' ');
      const value = point ? line.of(point) : null;
      entry.append(html('b', '', value === null || value === undefined ? '–' : this.show(value)));
      return entry;
    });
    if (this.lines[0].planned && this.view.planned) entries.push(html('li', 'te', '╌ plan'));
    if (this.note && point) entries.push(html('li', 'mute', this.note(point)));
    if (cursor) entries.unshift(html('li', 'mute', 'at ' + clock(cursor.second)));
    this.legend.replaceChildren(...entries);
    this.described.textContent = this.about + (point ? ` At ${clock(point.second)}: ` + entries.map(entry => entry.textContent).join(', ') + '.' : '');
    if (this.details.open) this.list(shown);
  }

  list(shown) {
    const table = document.createElement('table'), head = table.createTHead().insertRow();
    for (const label of ['second', ...this.lines.map(line => line.label)]) {
      const cell = html('th', '', label);
      cell.scope = 'col';
      head.append(cell);
    }
    const body = table.createTBody();
    for (const point of shown.slice(-ROWS).reverse()) {
      const row = body.insertRow(), cell = html('th', '', clock(point.second));
      cell.scope = 'row';
      row.append(cell);
      for (const line of this.lines) {
        const value = line.of(point);
        row.append(html('td', '', value === null || value === undefined ? '–' : this.show(value)));
      }
    }
    const caption = html('caption', 'vh', `${this.title}, the last ${Math.min(ROWS, shown.length)} seconds shown, newest first`);
    table.prepend(caption);
    this.table.replaceChildren(table);
  }
}

function middle(point) {
  return point.second + point.span_s / 2;
}

// One value per pixel at most: the worst of those that fall into it, or their mean over time.
function columns(points, line, x) {
  const made = [];
  let column = null;
  for (const point of points) {
    const value = line.of(point), at = Math.round(x(middle(point)));
    if (value === null || value === undefined) { made.push([at, null]); column = null; continue; }
    if (column && column.at === at) {
      column.sum += value * point.span_s;
      column.span += point.span_s;
      column.entry[1] = line.worst ? Math.max(column.entry[1], value) : column.sum / column.span;
    } else {
      column = { at, sum: value * point.span_s, span: point.span_s, entry: [at, value] };
      made.push(column.entry);
    }
  }
  return made;
}

// A line that is broken where there is no value; a value alone is a dot.
function path(entries, y) {
  let d = '', pen = false;
  entries.forEach(([x, value], index) => {
    if (value === null) { pen = false; return; }
    d += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y(value).toFixed(1)}`;
    const alone = !pen && (entries[index + 1]?.[1] ?? null) === null;
    if (alone) d += 'h0.1';
    pen = true;
  });
  return d;
}

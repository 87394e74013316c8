// The live page of a run: listens to /events (headroom.live/1), keeps everything it was told, and shows it also when the
// run or its process has ended.

import { Chart } from './charts.js';
import { NONE, bytes, clock, count, kinds, ms, number, ratio, time } from './words.js';

const TOKEN = document.querySelector('meta[name=token]').content;
// From so many seconds on the server is asked for the run anew: it joins what lies close together.
const KEPT = 14400;

const $ = id => document.getElementById(id);
const show = (id, text) => { const at = $(id); if (at.textContent !== text) at.textContent = text; };
const made = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

let run = null, points = [], turns = [], now = null, end = null, source = null, lost = false, said = '';

const rate = value => number(value) + '/s';
const per = (point, value) => value / point.span_s;

const charts = {
  rate: new Chart($('chart-rate'), {
    title: 'Rate', about: 'Requests answered each second.', show: rate,
    lines: [
      { label: 'iterations due', of: point => per(point, point.offered), when: () => run.model === 'open', style: 'le', planned: true },
      { label: 'requests done', of: point => per(point, point.completed), style: 'la' },
    ],
  }),
  time: new Chart($('chart-time'), {
    title: 'Response time', about: 'Percentiles, due to last byte.', show: time, log: true,
    note: point => point.window_s > 1 ? `of the last ${point.window_s} s` : 'of each second',
    lines: [
      { label: 'p50', of: point => point.p50_us, style: 'ld', worst: true },
      { label: 'p95', of: point => point.p95_us, style: 'la', worst: true },
      { label: 'p99', of: point => point.p99_us, style: 'lc', worst: true },
    ],
  }),
  users: new Chart($('chart-users'), {
    title: 'Users', about: 'At the end of each second.', show: count,
    lines: [
      { label: 'users', of: point => point.users, style: 'la', planned: true, worst: true },
      { label: 'requests in flight', of: point => point.in_flight, style: 'lb', worst: true },
    ],
  }),
  errors: new Chart($('chart-errors'), {
    title: 'Errors', about: 'Failed requests and dropped iterations each second.', show: rate,
    lines: [
      { label: 'failed', of: point => per(point, point.failed), style: 'lbad' },
      { label: 'dropped', of: point => per(point, point.dropped), style: 'lb' },
    ],
  }),
};

// What the plan wants at a second, without what was turned by hand.
function planned(second) {
  let start = 0;
  for (const stage of run.stages) {
    if (second < start + stage.seconds) return second < start ? null : stage.from + (stage.to - stage.from) * (second - start) / stage.seconds;
    start += stage.seconds;
  }
  return null;
}

function drawCharts() {
  const past = points.length ? points.at(-1).second + points.at(-1).span_s : 0;
  const wanted = document.querySelector('input[name=range]:checked').value;
  const [from, to] = {
    all: [0, Math.max(10, past)],
    minute: [Math.max(0, past - 60), Math.max(60, past)],
    plan: [0, Math.max(past, run.planned_s)],
  }[wanted];
  let at = 0;
  const stages = run.stages.map(stage => [at, at += stage.seconds]);
  const view = { points, from, to, stages, warmUp: run.warm_up_s, turns };
  charts.rate.see({ ...view, planned: run.model === 'open' ? planned : null });
  charts.time.see(view);
  charts.users.see({ ...view, planned: run.model === 'closed' ? planned : null });
  charts.errors.see(view);
}

// For those who listen rather than look: what is new, and only that.
function tell(news) {
  if (news && news !== said) show('news', said = news);
}

const MARKS = { pass: ['✔', 'good'], missed: ['✘', 'bad'], regression: ['✘', 'bad'] };

function drawHead() {
  const name = run.name;
  show('title', name);
  show('kicker', `Live run · ${new URL(run.target).host} · seed ${run.seed} · loadgen ${run.version}`);
  const elapsed = now?.elapsed_s ?? 0;
  const part = Math.min(1, end ? 1 : elapsed / run.planned_s);
  $('done').style.width = `${100 * part}%`;
  $('bar').setAttribute('aria-valuenow', Math.round(100 * part));
  const pill = $('phase');
  const sentence = $('sentence');
  sentence.classList.toggle('verdict', Boolean(end));
  if (end) {
    const [mark, className] = MARKS[end.verdict] ?? ['?', 'warn'];
    show('phase', end.verdict.replace('_', ' '));
    pill.className = `pill ${className}`;
    show('sentence', end.sentence);
    $('done').style.width = '100%';
    document.title = `${mark} ${name}`;
    tell(`The run has ended. ${end.sentence}`);
  } else if (lost) {
    show('phase', 'connection lost');
    pill.className = 'pill bad';
    show('sentence', `What you see was true ${clock(elapsed)} into the run; the page tries to reach it again.`);
    document.title = `… ${name}`;
    tell('The connection to the run is lost.');
  } else {
    const phase = now?.phase ?? 'starting';
    show('phase', phase);
    pill.className = `pill ${phase === 'steady' ? 'good' : 'plain'}`;
    const words = { 'warm-up': 'Warming up: measured and shown, not judged.', ramp: '', steady: '', draining: 'The last answers are waited for.', starting: 'The load is about to begin.' }[phase];
    show('sentence', `${clock(elapsed)} of ${clock(run.planned_s)}. ${words}`);
    document.title = `${clock(elapsed)} ${name}`;
    tell(`${name}: ${phase}.`);
  }
  const about = run.about && !end ? ' ' + run.about : '';
  if (about && !lost) sentence.append(about);
}

function drawEnd() {
  $('ended').hidden = !end;
  if (!end) return;
  const sentence = text => text[0].toUpperCase() + text.slice(1) + (text.endsWith('.') ? '' : '.');
  const remarks = [...end.reasons, ...end.caveats].filter(text => !end.sentence.includes(text)).map(sentence);
  $('remarks').replaceChildren(...remarks.map(text => made('li', '', text)));
  show('record', end.record);
  show('report', `reports html ${/^[\w/.+:@-]+$/.test(end.record) ? end.record : `'${end.record.replaceAll("'", "'\\''")}'`}`);
}

function missed(metric) {
  return now.budgets.some(budget => !budget.request && budget.outcome === 'missed' && budget.text.startsWith(metric));
}

function drawTiles() {
  const last = points.at(-1);
  const closed = run.model === 'closed';
  const tile = (id, text, more, bad = false) => {
    show(id, text);
    $(id).classList.toggle('bad', bad);
    show(`${id}-more`, more);
  };
  show('load-label', 'Users');
  if (!now || !last) return;
  const done = end ? now.completed_per_s : per(last, last.completed);
  const due = closed ? '' : `iterations due: ${rate(per(last, last.offered))}`;
  tile('rate', rate(done), end ? 'requests, on average' : due || 'requests in the last second', missed('throughput'));
  tile('load', count(last.users), `in flight ${count(last.in_flight)}` + (now.dropped ? ` · dropped ${count(now.dropped)}` : ''));
  const of = now.n ? `of ${count(now.n)} answers` : 'no answer yet';
  tile('p50', time(now.p50_us), now.judged ? of : 'last second', missed('p50 '));
  tile('p95', time(now.p95_us), budgetOf('p95 ') ?? (now.judged ? of : 'last second'), missed('p95 '));
  tile('p99', time(now.p99_us), budgetOf('p99 ') ?? `longest ${time(now.max_us)}`, missed('p99 '));
  tile('errors', ratio(now.error_ratio), kinds(now.errors, now.dropped) || 'none', missed('error'));
}

// The budget of all requests together that a tile is about.
function budgetOf(metric) {
  const own = now.budgets.find(budget => !budget.request && budget.text.startsWith(metric));
  return own ? own.text.replace(metric.trim(), 'budget') : null;
}

function outcome(budget) {
  const [mark, className, words] = {
    met: budget.at_risk ? ['✔', 'warn', 'kept, barely'] : ['✔', 'good', 'kept'],
    missed: ['✘', 'bad', budget.missed_at_s === null ? 'missed' : `missed at ${clock(budget.missed_at_s)}`],
    too_few: ['·', 'mute', 'too few answers yet'],
    no_data: ['·', 'mute', 'no data yet'],
  }[budget.outcome];
  return made('span', className, `${mark} ${words}`);
}

function row(header, cells) {
  const tr = document.createElement('tr'), th = made('th', '', header);
  th.scope = 'row';
  tr.append(th, ...cells);
  return tr;
}

function drawTables() {
  if (!now) return;
  show('requests-about', now.judged ? `Of the judged seconds${end ? '' : ' so far'}. Times run from the instant due to the last byte.` : 'They are shown when the warm-up is over.');
  $('requests').replaceChildren(...now.requests.map(it => row(it.name, [
    made('td', '', rate(it.completed_per_s)), made('td', '', ms(it.p50_us)), made('td', '', ms(it.p95_us)), made('td', '', ms(it.p99_us)),
    made('td', it.failed ? 'bad' : 'mute', count(it.failed)),
  ])));
  $('budgets-section').hidden = !now.budgets.length;
  show('budgets-about', end ? 'Judged when the run had ended.' : `${now.budgets_say[0].toUpperCase()}${now.budgets_say.slice(1)}.`);
  show('budgets-figure', end ? 'Measured' : 'So far');
  $('budgets').replaceChildren(...now.budgets.map(budget => {
    const cell = made('td', 't');
    cell.append(outcome(budget));
    return row(budget.text, [made('td', budget.outcome === 'missed' ? 'bad' : '', budget.shown), cell]);
  }));
}

function facts(id, pairs) {
  $(id).replaceChildren(...pairs.map(([label, value, bad]) => {
    const pair = made('div');
    pair.append(made('dt', '', label), made('dd', bad ? 'bad' : '', value));
    return pair;
  }));
}

function drawHealth() {
  if (!now) return;
  $('observed-section').hidden = !now.observed.length;
  facts('observed', now.observed.map(it => [it.label, it.value, it.missed]));
  const g = now.generator;
  const late = g.lag_p99_us !== null && g.lag_p99_us > g.lag_bound_us;
  if (!end) {
    show('valid', now.not_valid ? `Not valid so far: ${now.not_valid}.` : now.judged ? 'Valid so far: the generator is not the limit.' : 'Not judged yet.');
    $('valid').className = now.not_valid ? 'bad' : '';
  } else {
    show('valid', 'Over the judged seconds.');
    $('valid').className = '';
  }
  facts('health', [
    ['Start lag, p99', g.lag_p99_us === null ? 'none: nothing has a due time' : `${time(g.lag_p99_us)}, up to ${time(g.lag_bound_us)} is fine`, late],
    ['Processor', `${number(g.cpu_cores)} of ${count(g.cores)} cores`, g.cpu_cores > 0.9 * g.cores],
    ['Waited for a processor', `${number(g.cpu_wait)} s per second`],
    ['Timer slip, worst', time(g.timer_slip_us)],
    ['Memory', bytes(g.memory_bytes)],
    ['Open files', `${count(g.open_files)} of ${count(g.open_files_limit)}`],
  ]);
}

const unit = () => run.control.what === 'users' ? 'users' : '/s';
const amount = value => run.control.what === 'users' ? `${count(value)} users` : rate(value);

function drawTurns() {
  $('adjusted-section').hidden = !turns.length;
  $('adjusted').replaceChildren(...turns.map(turn =>
    made('li', '', `At ${clock(turn.second)}: ${amount(turn.from)} → ${amount(turn.to)}` + (turn.factor === null ? ', held' : `, the plan × ${number(turn.factor)}`) + '.')));
  const last = turns.at(-1);
  for (const button of document.querySelectorAll('[data-factor]'))
    button.setAttribute('aria-pressed', String(Number(button.dataset.factor) === (last ? last.factor : 1)));
}

function drawControl() {
  const over = Boolean(end) || lost;
  $('steer').hidden = Boolean(end);
  for (const control of $('control').elements) control.disabled = over;
  for (const turn of document.querySelectorAll('.turn')) turn.hidden = run.control.what === null;
  if (run.control.what === null) {
    if ($('said').dataset.first !== 'told') show('said', 'Several processes share this load: it can be stopped, not adjusted.');
    $('said').dataset.first = 'told';
    return;
  }
  show('held-unit', unit() + (run.control.most === null ? '' : `, up to ${count(run.control.most)}`));
  $('held').step = run.control.what === 'users' ? '1' : 'any';
  if (run.control.most !== null) $('held').max = run.control.most;
  if (!$('held').value && document.activeElement !== $('held') && points.length) $('held').placeholder = number(points.at(-1).wanted);
}

function draw() {
  if (!run) return;
  drawHead();
  drawEnd();
  drawTiles();
  drawTables();
  drawHealth();
  drawTurns();
  drawControl();
  drawCharts();
}

function listen() {
  source?.close();
  source = new EventSource('/events' + location.search);
  const on = (name, take) => source.addEventListener(name, event => { lost = false; take(JSON.parse(event.data)); draw(); });
  on('run', told => {
    // Another run has taken the address of the one that was lost.
    if (told.schema !== 'headroom.live/1' || (run && told.start !== run.start)) return location.reload();
    run = told;
    ({ history: points, adjustments: turns, now, end } = told);
    if (end?.now) now = end.now;
    if (end) source.close();
  });
  on('second', told => {
    points.push(told.point);
    now = told.now;
    if (points.length > KEPT) listen();
  });
  on('adjusted', told => turns.push(told));
  on('end', told => {
    end = told;
    if (told.now) now = told.now;
    source.close();
  });
  source.onerror = () => { if (!end) { lost = true; draw(); } };
}

async function post(path, body, done) {
  const says = $('said');
  try {
    const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json', 'x-loadgen-token': TOKEN }, body: JSON.stringify(body) });
    const told = await answer.json();
    says.classList.toggle('bad', !answer.ok);
    says.textContent = answer.ok ? done(told) : `Not done: ${told.error}.`;
  } catch {
    says.classList.add('bad');
    says.textContent = 'Not done: the run cannot be reached.';
  }
}

const turned = told => `Done at ${clock(told.second)}: ${amount(told.from)} → ${amount(told.to)}. It is in the record.`;

$('control').addEventListener('submit', event => {
  event.preventDefault();
  post('/control/load', { held: Number($('held').value) }, turned);
});
for (const button of document.querySelectorAll('[data-factor]'))
  button.addEventListener('click', () => post('/control/load', { factor: Number(button.dataset.factor) }, turned));
$('stop').addEventListener('click', () => { $('sure').returnValue = ''; $('sure').showModal(); });
$('sure').addEventListener('close', () => { if ($('sure').returnValue === 'stop') post('/control/stop', {}, () => 'Stopping; the record is being closed.'); });
$('range').addEventListener('change', () => { if (run) drawCharts(); });

listen();

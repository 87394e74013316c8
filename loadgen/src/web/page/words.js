// Numbers as words, by the same rules as the terminal and the report.

export const NONE = '–';

export function count(value) {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

// About three significant digits.
export function number(value) {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 99.95) return count(value);
  const digits = size >= 9.995 ? 1 : size >= 0.01 ? 2 : size >= 1e-6 ? 1 - Math.floor(Math.log10(size)) : 7;
  return value.toFixed(digits).replace(/\.?0+$/, '');
}

export function time(us) {
  if (us === null || us === undefined) return NONE;
  if (Math.abs(us) < 999.5) return number(us) + ' µs';
  return Math.abs(us) < 999500 ? number(us / 1e3) + ' ms' : number(us / 1e6) + ' s';
}

// Milliseconds without the unit, which stands in the heading.
export function ms(us) {
  return us === null || us === undefined ? NONE : number(us / 1e3);
}

export function ratio(value) {
  return number(value * 100) + ' %';
}

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB'];
  let unit = 0;
  while (value >= 1000 && unit < 3) { value /= 1000; unit += 1; }
  return number(value) + ' ' + units[unit];
}

// Seconds as 1:12 or 1:02:03.
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = n => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// The kinds of failure with their counts, the most frequent first.
export function kinds(errors, dropped) {
  const all = Object.entries(errors);
  if (dropped) all.push(['dropped', dropped]);
  return all.filter(([, n]) => n).sort((a, b) => b[1] - a[1]).map(([kind, n]) =>
    kind.startsWith('status_') ? `${kind.slice(7)}: ${count(n)}` : `${kind.replaceAll('_', ' ')} ${count(n)}`).join(', ');
}

/** The value sanitisation algorithms of `input` (HTML §4.10.5.1, one per state). Pure. */
import { strip } from './blanks.ts';

/** `attr` reads another attribute of the control; null where there is none. */
export function sanitize(type: string, value: string, attr: (name: string) => string | null): string {
  switch (type) {
    case 'text':
    case 'search':
    case 'tel':
    case 'password':
      return oneLine(value);
    case 'url':
      return strip(oneLine(value));
    case 'email':
      if (attr('multiple') === null) return strip(oneLine(value));
      return value
        .split(',')
        .map((address) => strip(oneLine(address)))
        .join(',');
    case 'number':
      return isNumber(value) ? value : '';
    case 'range':
      return range(value, attr);
    case 'color':
      return color(value);
    case 'date':
      return isDate(value) ? value : '';
    case 'month':
      return /^\d{4,}-(?:0[1-9]|1[0-2])$/.test(value) && !/^0+-/.test(value) ? value : '';
    case 'week':
      return isWeek(value) ? value : '';
    case 'time':
      return isTime(value) ? value : '';
    case 'datetime-local':
      return localDateTime(value);
    default:
      return value;
  }
}

function oneLine(value: string): string {
  return value.replace(/[\r\n]/g, '');
}

/** §4.10.5.1.14, without what shines through. Deviation: of the colours of CSS those written with `#` only. */
function color(value: string): string {
  const digits = /^#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/.exec(strip(value).toLowerCase())?.[1] ?? '000000';
  return `#${digits.length < 6 ? digits.slice(0, 3).replace(/./g, '$&$&') : digits.slice(0, 6)}`;
}

/** §2.3.4.3, "valid floating-point number". */
function isNumber(value: string): boolean {
  return /^-?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?$/i.test(value) && Number.isFinite(Number(value));
}

function numberOr(value: string | null, otherwise: number): number {
  return value !== null && isNumber(value) ? Number(value) : otherwise;
}

/** §4.10.5.1.13: never empty; within the bounds, on a step; the middle by default. */
function range(value: string, attr: (name: string) => string | null): string {
  const min = numberOr(attr('min'), 0);
  const max = numberOr(attr('max'), 100);
  const wanted = isNumber(value) ? Number(value) : max < min ? min : min + (max - min) / 2;
  const clamped = Math.max(min, Math.min(max, wanted));
  if (attr('step')?.toLowerCase() === 'any') return clamped === wanted && isNumber(value) ? value : String(clamped);
  const step = numberOr(attr('step'), 1) > 0 ? numberOr(attr('step'), 1) : 1;
  // The step base: `min`, else the value that the page gives.
  const base = numberOr(attr('min'), numberOr(attr('value'), 0));
  let steps = Math.round((clamped - base) / step);
  if (base + steps * step > max && max >= min) steps--;
  const decimals = Math.max(fraction(attr('min')), fraction(attr('value')), fraction(attr('step')));
  const landed = Number((base + steps * step).toFixed(decimals));
  return isNumber(value) && Number(value) === landed ? value : String(landed);
}

function fraction(value: string | null): number {
  return Math.min(20, /\.(\d+)$/.exec(value ?? '')?.[1]?.length ?? 0);
}

function isDate(value: string): boolean {
  const match = /^(\d{4,})-(\d\d)-(\d\d)$/.exec(value);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return (
    year > 0 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
  );
}

function isWeek(value: string): boolean {
  const match = /^(\d{4,})-W(\d\d)$/.exec(value);
  if (match === null || Number(match[1]) === 0) return false;
  const first = new Date(Date.UTC(2000 + (Number(match[1]) % 400), 0, 1)).getUTCDay();
  const isLeap = new Date(Date.UTC(2000 + (Number(match[1]) % 400), 1, 29)).getUTCMonth() === 1;
  const weeks = first === 4 || (first === 3 && isLeap) ? 53 : 52;
  return Number(match[2]) >= 1 && Number(match[2]) <= weeks;
}

function isTime(value: string): boolean {
  return /^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?$/.test(value);
}

/** §4.10.5.1.11: normalised to the shortest time, with a `T` between. */
function localDateTime(value: string): string {
  const match = /^([^T ]+)[T ](.+)$/.exec(value);
  if (match === null || !isDate(match[1] ?? '') || !isTime(match[2] ?? '')) return '';
  const time = (match[2] ?? '')
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')
    .replace(/^(\d\d:\d\d):00$/, '$1');
  return `${match[1]}T${time}`;
}

// Times as the interface writes them (RFC 3339), for people.

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** isZero reports whether the server means "never" or "unknown". */
export function isZero(time: string | undefined | null): boolean {
  return !time || time.startsWith('0001-01-01') || Number.isNaN(Date.parse(time));
}

/** ago writes how long a time is past: "12 s ago", "3 d ago"; beyond a month the day. */
export function ago(time: string | undefined, now: number): string {
  if (!time || isZero(time)) return 'never';
  const t = Date.parse(time);
  const past = now - t;
  if (past < -minute) return `in ${span(-past)}`;
  if (past < 5 * second) return 'just now';
  if (past < 45 * day) return `${span(past)} ago`;
  return new Date(t).toLocaleDateString('en-CA');
}

/** span writes a duration in milliseconds in its largest unit: "47 min". */
export function span(ms: number): string {
  if (ms < minute) return `${Math.floor(ms / second)} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  if (ms < 2 * day) return `${Math.floor(ms / hour)} h`;
  return `${Math.floor(ms / day)} d`;
}

/** took writes how long a piece of work lasted: "812 ms", "2.1 s", "3 min". */
export function took(ms: number): string {
  if (ms < second) return `${Math.round(ms)} ms`;
  return ms < minute ? `${(ms / second).toFixed(ms < 10 * second ? 1 : 0)} s` : span(ms);
}

const pad = (n: number, digits = 2) => String(n).padStart(digits, '0');

/** zone names the browser's zone at a time by its distance from UTC: "UTC", "UTC+5:30". */
export function zone(at: Date = new Date()): string {
  const ahead = -at.getTimezoneOffset();
  if (ahead === 0) return 'UTC';
  const size = Math.abs(ahead);
  return `UTC${ahead < 0 ? '−' : '+'}${Math.floor(size / 60)}${size % 60 === 0 ? '' : `:${pad(size % 60)}`}`;
}

/** exactTime writes a time to the millisecond in the browser's zone: "2026-11-23 14:05:01.250 UTC+1". */
export const exactTime = (time: string | undefined): string => written(time, (t) => `${date(t)} ${clock(t)} ${zone(new Date(t))}`);

/** minuteTime writes a time to the minute: "2026-11-23 14:05 UTC+1". */
export const minuteTime = (time: string | undefined): string => written(time, (t) => `${date(t)} ${clock(t).slice(0, 5)} ${zone(new Date(t))}`);

const written = (time: string | undefined, write: (time: string) => string): string => (!time || isZero(time) ? 'never' : write(time));

/** date writes the day in the browser's zone: "2026-11-23". */
export function date(time: string): string {
  const d = new Date(time);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

/** clock writes the time of day to the millisecond in the browser's zone. */
export function clock(time: string): string {
  const d = new Date(time);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}.${pad(d.getMilliseconds(), 3)}`;
}

/** offset writes how far a time lies from another: "+4.2 s", "−3 min 5 s". */
export function offset(time: string, from: string): string {
  const ms = Date.parse(time) - Date.parse(from);
  const sign = ms < 0 ? '−' : '+';
  const size = Math.abs(ms);
  if (size < 10 * second) return `${sign}${(size / second).toFixed(2)} s`;
  if (size < minute) return `${sign}${(size / second).toFixed(1)} s`;
  if (size < hour) return `${sign}${Math.floor(size / minute)} min ${Math.floor((size % minute) / second)} s`;
  return `${sign}${Math.floor(size / hour)} h ${Math.floor((size % hour) / minute)} min`;
}

/** lengths of time that a view may look back, as they stand in the URL. */
export const lookBacks: Record<string, { ms: number; label: string }> = {
  '1h': { ms: hour, label: 'Last hour' },
  '24h': { ms: day, label: 'Last 24 hours' },
  '7d': { ms: 7 * day, label: 'Last 7 days' },
  '30d': { ms: 30 * day, label: 'Last 30 days' },
  '90d': { ms: 90 * day, label: 'Last 90 days' },
};

/**
 * since turns a look-back ("24h") or a time into RFC 3339. Look-backs are cut
 * to the minute, so that a query stays the same while a page is looked at.
 */
export function since(value: string, now: number): string | undefined {
  const back = lookBacks[value];
  if (back) return new Date(Math.floor((now - back.ms) / minute) * minute).toISOString();
  const t = Date.parse(value);
  return Number.isNaN(t) ? undefined : new Date(t).toISOString();
}

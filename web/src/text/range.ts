// Stretches of time as they stand in the URL and as people choose them.
import { date, lookBacks, minuteTime, since } from './time';

/** TimeSpan is a stretch of time: look-backs ("24h") or times; "" for no bound. */
export interface TimeSpan {
  since: string;
  until: string;
}

/** valid returns a bound as it may stand in the URL, or "" for what is none. */
export function valid(bound: string | null): string {
  if (!bound) return '';
  if (Object.hasOwn(lookBacks, bound)) return bound;
  const t = Date.parse(bound);
  return Number.isNaN(t) ? '' : new Date(t).toISOString();
}

/** bounds are the times that a stretch stands for now, as the interface takes them. */
export function bounds(span: TimeSpan, now: number): { since?: string; until?: string } {
  const from = since(span.since, now);
  const to = since(span.until, now);
  return { ...(from ? { since: from } : {}), ...(to ? { until: to } : {}) };
}

/** spanWords says a stretch for people. */
export function spanWords({ since: from, until }: TimeSpan): string {
  const known = lookBacks[from];
  if (known && until === '') return known.label.toLowerCase();
  if (from === '' && until === '') return 'any time';
  if (until === '') return `since ${minuteTime(from)}`;
  return from === '' ? `until ${minuteTime(until)}` : `${minuteTime(from)} to ${minuteTime(until)}`;
}

const pad = (n: number) => String(n).padStart(2, '0');

/** toLocal writes a time as a field for date and time takes it, in the browser's zone; "" for no time. */
export function toLocal(time: string | undefined): string {
  const t = Date.parse(time ?? '');
  if (Number.isNaN(t)) return '';
  const d = new Date(t);
  return `${date(d.toISOString())}T${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** fromLocal reads what such a field holds; "" for nothing. */
export function fromLocal(text: string): string {
  const t = Date.parse(text);
  return Number.isNaN(t) ? '' : new Date(t).toISOString();
}

// The view of a hunt, its form in the URL, and its answers for people.
import type { Hunt, HuntColumn } from '../api/hunt';
import { type TimeSpan, bounds, valid } from './range';
import { exactTime } from './time';

/** HuntView is a query and the time that it is about. */
export interface HuntView extends TimeSpan {
  query: string;
}

const longest = 16_384; // characters of a query, as the server bounds it

/** parseHunt reads a view from the URL's query. */
export function parseHunt(address: URLSearchParams): HuntView {
  const since = valid(address.get('since'));
  const until = valid(address.get('until'));
  return { query: (address.get('q') ?? '').slice(0, longest), since: since === '' && until === '' && !address.has('since') ? '24h' : since, until };
}

/** writeHunt makes the URL's query of a view; a time of 24 hours is left out, and no bound is an empty one. */
export function writeHunt({ query, since, until }: HuntView): URLSearchParams {
  const address = new URLSearchParams();
  if (query !== '') address.set('q', query);
  if (since !== '24h' || until !== '') address.set('since', since);
  if (until !== '') address.set('until', until);
  return address;
}

/** huntOf is what is asked of the server; null for no query. */
export const huntOf = (view: HuntView, now: number): Hunt | null => (view.query.trim() === '' ? null : { query: view.query, ...bounds(view, now) });

const unseen = /[^\p{L}\p{N}\p{P}\p{S} ]/u;

/** literal writes a value as the language takes it; undefined for what cannot be compared so. */
export function literal(value: unknown, type: HuntColumn['type']): string | undefined {
  if (value === null || type === 'list' || type === 'duration') return undefined;
  if (type === 'time') return typeof value === 'string' ? `datetime(${value})` : undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return undefined;
  const written = [...value].map((char) => {
    if (char === '"' || char === '\\') return `\\${char}`;
    if (!unseen.test(char)) return char;
    const code = char.codePointAt(0) ?? 0;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
  });
  return `"${written.join('')}"`;
}

/** filtered is a query that keeps, or leaves out, the rows with a value; undefined where that cannot be said. */
export function filtered(query: string, column: HuntColumn, value: unknown, keep: boolean): string | undefined {
  const written = literal(value, column.type);
  return written === undefined ? undefined : `${query.trimEnd()}\n| where ${column.name} ${keep ? '==' : '!='} ${written}`;
}

/** cellText is a value for people; "" for none. */
export function cellText(value: unknown, type: HuntColumn['type']): string {
  if (value === null || value === undefined) return '';
  if (type === 'time' && typeof value === 'string') return exactTime(value);
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Math.round(value * 1000) / 1000);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map((v) => cellText(v, 'text')).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** widthOf is how wide a column is drawn, in pixels. */
export function widthOf(column: HuntColumn, rows: readonly (readonly unknown[])[], index: number): number {
  if (column.type === 'time') return 218;
  let most = column.name.length;
  for (const row of rows.slice(0, 60)) most = Math.max(most, cellText(row[index], column.type).length);
  return Math.max(70, Math.min(most * 7.4 + 26, column.type === 'text' || column.type === 'list' ? 520 : 240));
}

// The alert list's view and its form in the URL. The URL holds the whole view:
// parse(write(v)) is v, and what is malformed is left out, not an error.
import { type AlertQuery, severities, statuses } from '../api/model';
import { since } from './time';

/** Facets with lists of values, as they are named in the URL and in the interface. */
export const facets = ['status', 'severity', 'type', 'host', 'tactic', 'assignee', 'rule'] as const;
export type Facet = (typeof facets)[number];

export const orders = ['-last_time', 'last_time', '-severity', 'severity', '-count', 'count'] as const;
export type Order = (typeof orders)[number];

/** AlertView is what the list shows. */
export type AlertView = Record<Facet, string[]> & {
  text: string;
  /** A look-back such as "24h", or a time; "" for all. */
  since: string;
  until: string;
  order: Order;
};

const allowed: Partial<Record<Facet, readonly string[]>> = { status: statuses, severity: severities };
const maxValues = 50;
const maxLength = 256;

/** parse reads a view from the URL's query. */
export function parse(query: URLSearchParams): AlertView {
  const view = { text: text(query, 'text'), since: text(query, 'since'), until: text(query, 'until'), order: '-last_time' } as AlertView;
  for (const facet of facets) view[facet] = values(query, facet);
  const order = query.get('order') as Order;
  if (orders.includes(order)) view.order = order;
  return view;
}

const text = (query: URLSearchParams, name: string) => (query.get(name) ?? '').trim().slice(0, maxLength);

function values(query: URLSearchParams, facet: Facet): string[] {
  const all = query
    .getAll(facet)
    .flatMap((v) => v.split(','))
    .map((v) => v.trim().slice(0, maxLength))
    .filter((v) => v !== '' && (allowed[facet]?.includes(v) ?? true));
  return [...new Set(all)].slice(0, maxValues);
}

/** write makes the query of a view; what is at its default is left out. */
export function write(view: AlertView): URLSearchParams {
  const query = new URLSearchParams();
  for (const facet of facets) {
    if (view[facet].length > 0) query.set(facet, view[facet].join(','));
  }
  for (const name of ['text', 'since', 'until'] as const) {
    if (view[name] !== '') query.set(name, view[name]);
  }
  if (view.order !== '-last_time') query.set('order', view.order);
  return query;
}

/** queryString is write as it stands in the address: commas readable. */
export const queryString = (view: AlertView): string => write(view).toString().replaceAll('%2C', ',');

/** narrowed reports whether a view leaves any alert out. */
export function narrowed(view: AlertView): boolean {
  return facets.some((f) => view[f].length > 0) || view.text !== '' || view.since !== '' || view.until !== '';
}

/** toggled returns the view with a value of a facet switched on or off. */
export function toggled(view: AlertView, facet: Facet, value: string): AlertView {
  const has = view[facet].includes(value);
  return { ...view, [facet]: has ? view[facet].filter((v) => v !== value) : [...view[facet], value] };
}

/** request turns a view into the interface's query; look-backs count from now. */
export function request(view: AlertView, now: number): AlertQuery {
  const query: AlertQuery = {};
  for (const facet of facets) {
    if (view[facet].length > 0) query[facet] = view[facet] as never[];
  }
  if (view.text) query.text = view.text;
  const from = since(view.since, now);
  const to = since(view.until, now);
  if (from) query.since = from;
  if (to) query.until = to;
  return query;
}

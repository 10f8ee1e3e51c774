// What a list shows, and its form in the URL. The URL holds the whole view:
// parse(write(v)) is v, and what is malformed is left out, not an error.
import { since } from './time';

/** Shape says what a list can be narrowed by and in which orders it comes. */
export interface Shape<F extends string, O extends string> {
  /** Facets with lists of values, as they are named in the URL and in the interface. */
  facets: readonly F[];
  /** The first one is the default. */
  orders: readonly [O, ...O[]];
  /** The values of facets that have no others. */
  allowed: Partial<Record<F, readonly string[]>>;
}

/** ListView is what a list shows. */
export type ListView<F extends string, O extends string> = Record<F, string[]> & {
  text: string;
  /** A look-back such as "24h", or a time; "" for all. */
  since: string;
  until: string;
  order: O;
};

const maxValues = 50;
const maxLength = 256;
const texts = ['text', 'since', 'until'] as const;

const text = (query: URLSearchParams, name: string) => (query.get(name) ?? '').trim().slice(0, maxLength);

function values(query: URLSearchParams, facet: string, allowed: readonly string[] | undefined): string[] {
  const all = query
    .getAll(facet)
    .flatMap((v) => v.split(','))
    .map((v) => v.trim().slice(0, maxLength))
    .filter((v) => v !== '' && (allowed?.includes(v) ?? true));
  return [...new Set(all)].slice(0, maxValues);
}

/** listView makes the functions of a list's views. */
export function listView<F extends string, O extends string>({ facets, orders, allowed }: Shape<F, O>) {
  type View = ListView<F, O>;

  /** parse reads a view from the URL's query. */
  function parse(query: URLSearchParams): View {
    const view = { text: text(query, 'text'), since: text(query, 'since'), until: text(query, 'until'), order: orders[0] } as View;
    for (const facet of facets) view[facet] = values(query, facet, allowed[facet]) as View[F];
    const order = query.get('order') as O;
    if (orders.includes(order)) view.order = order;
    return view;
  }

  /** write makes the query of a view; what is at its default is left out. */
  function write(view: View): URLSearchParams {
    const query = new URLSearchParams();
    for (const facet of facets) {
      if (view[facet].length > 0) query.set(facet, view[facet].join(','));
    }
    for (const name of texts) {
      if (view[name] !== '') query.set(name, view[name]);
    }
    if (view.order !== orders[0]) query.set('order', view.order);
    return query;
  }

  /** queryString is write as it stands in the address: commas readable. */
  const queryString = (view: View): string => write(view).toString().replaceAll('%2C', ',');

  /** narrowed reports whether a view leaves anything out. */
  const narrowed = (view: View): boolean => facets.some((f) => view[f].length > 0) || texts.some((name) => view[name] !== '');

  /** toggled returns the view with a value of a facet switched on or off. */
  function toggled(view: View, facet: F, value: string): View {
    const has = view[facet].includes(value);
    return { ...view, [facet]: has ? view[facet].filter((v) => v !== value) : [...view[facet], value] };
  }

  /** request turns a view into the interface's query; look-backs count from now. */
  function request(view: View, now: number): Partial<Record<F, never[]>> & { text?: string; since?: string; until?: string } {
    const query: { text?: string; since?: string; until?: string } = {};
    for (const facet of facets) {
      if (view[facet].length > 0) Object.assign(query, { [facet]: view[facet] });
    }
    if (view.text) query.text = view.text;
    const from = since(view.since, now);
    const to = since(view.until, now);
    if (from) query.since = from;
    if (to) query.until = to;
    return query as ReturnType<typeof request>;
  }

  return { parse, write, queryString, narrowed, toggled, request };
}

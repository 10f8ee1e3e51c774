// The view of the list of hosts and its form in the URL.
import { type Health, healthOrder } from '../../text/health';

export const orders = ['health', '-health', 'name', '-name', '-seen', 'seen'] as const;

/** HostView is what the list shows. */
export interface HostView {
  text: string;
  health: Health[];
  /** As the interface takes them: name=value. */
  label: string[];
  order: (typeof orders)[number];
}

const maxValues = 20;
const maxLength = 320;

/** parseView reads a view; what is malformed is left out. */
export function parseView(query: URLSearchParams): HostView {
  const order = query.get('order') as HostView['order'];
  const health = (query.get('health') ?? '').split(',').filter((h) => (healthOrder as readonly string[]).includes(h)) as Health[];
  return {
    text: (query.get('text') ?? '').trim().slice(0, 256),
    health: [...new Set(health)],
    label: [...new Set(query.getAll('label').filter((l) => l !== '' && l.length <= maxLength))].slice(0, maxValues),
    order: orders.includes(order) ? order : 'health',
  };
}

/** writeView makes the query of a view; what is at its default is left out. */
export function writeView(view: HostView): URLSearchParams {
  const query = new URLSearchParams();
  if (view.text !== '') query.set('text', view.text);
  if (view.health.length > 0) query.set('health', view.health.join(','));
  for (const l of view.label) query.append('label', l);
  if (view.order !== 'health') query.set('order', view.order);
  return query;
}

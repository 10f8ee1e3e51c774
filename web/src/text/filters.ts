// The views of the list of alerts.
import { severities, statuses } from '../api/model';
import { type ListView, listView } from './listview';

/** Facets by which alerts are narrowed. */
export const facets = ['status', 'severity', 'type', 'host', 'tactic', 'assignee', 'rule'] as const;
export type Facet = (typeof facets)[number];

export const orders = ['-last_time', 'last_time', '-severity', 'severity', '-count', 'count'] as const;
export type Order = (typeof orders)[number];

/** AlertView is what the list shows. */
export type AlertView = ListView<Facet, Order>;

export const { parse, write, queryString, narrowed, toggled, request } = listView<Facet, Order>({ facets, orders, allowed: { status: statuses, severity: severities } });

// The view of a host's events and its form in the URL.
import type { EventClass } from '../../api/model';
import { lookBacks } from '../../text/time';

/** classes are the kinds of events, in the order in which people ask. */
export const classes: readonly EventClass[] = [
  'process_activity', 'file_activity', 'network_activity', 'authentication', 'account_change', 'group_management', 'kernel_activity', 'kernel_extension_activity',
  'memory_activity', 'scheduled_job_activity', 'event_log_activity', 'device_config_state_change',
];

const labels: Partial<Record<string, string>> = {
  process_activity: 'Processes', file_activity: 'Files', network_activity: 'Network', authentication: 'Logons', account_change: 'Accounts', group_management: 'Groups',
  kernel_activity: 'Kernel', kernel_extension_activity: 'Kernel modules', memory_activity: 'Memory', scheduled_job_activity: 'Scheduled jobs', event_log_activity: 'Logging',
  device_config_state_change: 'System settings',
};

/** classLabel names a kind of events for people. */
export const classLabel = (name: string): string => labels[name] ?? name.replaceAll('_', ' ');

/** EventView is what the list shows. */
export interface EventView {
  class: EventClass[];
  text: string;
  /** Uid of a process that acts, or is parent or target; "" for all. */
  process: string;
  /** A look-back such as "24h"; "" for all. */
  since: string;
  live: boolean;
}

/** parseEvents reads a view from the page's URL; what is malformed is left out. */
export function parseEvents(query: URLSearchParams): EventView {
  const chosen = (query.get('class') ?? '').split(',') as EventClass[];
  const process = query.get('process') ?? '';
  const since = query.get('since') ?? '';
  return {
    class: classes.filter((c) => chosen.includes(c)),
    text: (query.get('text') ?? '').trim().slice(0, 256),
    process: /^[0-9a-f]{16}-\d+-\d+$/.test(process) ? process : '',
    since: Object.hasOwn(lookBacks, since) ? since : '',
    live: query.get('live') === '1',
  };
}

/** writeEvents makes the page's query of a view. */
export function writeEvents(view: EventView): URLSearchParams {
  const query = new URLSearchParams({ tab: 'events' });
  if (view.class.length > 0) query.set('class', view.class.join(','));
  if (view.text !== '') query.set('text', view.text);
  if (view.process !== '') query.set('process', view.process);
  if (view.since !== '') query.set('since', view.since);
  if (view.live) query.set('live', '1');
  return query;
}

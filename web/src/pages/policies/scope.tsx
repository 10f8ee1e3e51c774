import type { Assignment, Host } from '../../api/model';
import { Labels } from '../../components/labels';
import { fold, visible } from '../../text/safe';
import css from './policies.module.css';

/** Scope shows for which hosts an assignment is. */
export function Scope({ assignment: { host, labels }, names }: { assignment: Assignment; names: ReadonlyMap<string, string> }) {
  const labelled = labels && Object.keys(labels).length > 0;
  if (!host && !labelled) return <>every host</>;
  return (
    <span className={css.scope}>
      {host && (
        <span>
          {names.has(host) ? visible(fold(names.get(host) ?? '', 64)) : 'the host'} <span className={css.uid}>{visible(fold(host, 64))}</span>
        </span>
      )}
      {labelled && <Labels labels={labels} />}
    </span>
  );
}

/** scopeText is Scope as a plain text. */
export function scopeText({ host, labels }: Assignment, names: ReadonlyMap<string, string>): string {
  const parts = [...(host ? [names.get(host) ?? host] : []), ...Object.entries(labels ?? {}).map(([k, v]) => (v === '' ? k : `${k}=${v}`))];
  return visible(fold(parts.join(' '), 120)) || 'every host';
}

/** namesOf are the names of hosts by their uid. */
export const namesOf = (hosts: readonly Host[]): ReadonlyMap<string, string> => new Map(hosts.map((h) => [h.uid, h.name || h.uid]));

import { useState } from 'react';
import { Link } from 'react-router';
import type { Entity, Incident } from '../../api/model';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import { PlainTable } from '../../components/plaintable';
import { entityNames } from '../../text/incidents';
import { plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './incident.module.css';

const firstShown = 12;

/** Entities lists what the signals have to do with, most connected first: what it is, where it was, which lines name it. */
export function Entities({ incident: { entities, host_names } }: { incident: Incident }) {
  const [all, setAll] = useState(false);
  const rows = (all ? entities : entities.slice(0, firstShown)).map((e, i) => ({ ...e, id: String(i) }));
  if (entities.length === 0) return null;
  return (
    <Panel title="What it has to do with" hint={plural(entities.length, 'entity', 'entities')} flush>
      <PlainTable
        label="Entities of the incident"
        rows={rows}
        id={(e) => e.id}
        columns={[
          { key: 'value', title: 'What', render: (e) => <Value entity={e} /> },
          { key: 'kind', title: 'Kind', render: (e) => entityNames[e.kind] ?? visible(fold(e.kind, 40)) },
          { key: 'hosts', title: 'Hosts', render: (e) => <Hosts hosts={e.hosts} names={host_names} /> },
          { key: 'lines', title: 'Lines', render: (e) => <Lines lines={e.lines} /> },
        ]}
      />
      {!all && entities.length > firstShown && (
        <button type="button" className={css.all} onClick={() => setAll(true)}>
          Show all {plural(entities.length, 'entity', 'entities')}
        </button>
      )}
    </Panel>
  );
}

function Value({ entity: { name, value, common } }: { entity: Entity }) {
  return (
    <span className={css.value}>
      {name && (
        <span>
          <HostText text={name} foldAt={160} />
        </span>
      )}
      <span className={name ? css.under : undefined}>
        <HostText text={value} mono foldAt={160} />
      </span>
      {common && (
        <span className={css.common} title="What many hosts have says nothing about an attack, and joins nothing.">
          on many hosts
        </span>
      )}
    </span>
  );
}

function Hosts({ hosts, names }: { hosts: readonly string[]; names: Readonly<Record<string, string>> }) {
  return (
    <span className={css.row}>
      {hosts.slice(0, 8).map((h) => (
        <Link key={h} to={`/hosts/${h}`}>
          {visible(fold((Object.hasOwn(names, h) && names[h]) || h, 64))}
        </Link>
      ))}
      {hosts.length > 8 && <span>and {hosts.length - 8} more</span>}
    </span>
  );
}

function Lines({ lines }: { lines: readonly number[] }) {
  return (
    <span className={css.row}>
      {lines.slice(0, 24).map((l) => (
        <a key={l} href={`#line-${l + 1}`} aria-label={`Line ${l + 1}`}>
          {l + 1}
        </a>
      ))}
      {lines.length > 24 && <span>and {lines.length - 24} more</span>}
    </span>
  );
}

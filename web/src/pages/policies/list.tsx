import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconDots } from '@tabler/icons-react';
import { useMemo } from 'react';
import { flushSync } from 'react-dom';
import { Link } from 'react-router';
import type { Host, Policy } from '../../api/model';
import { type PlainColumn, PlainTable } from '../../components/plaintable';
import { counts, fits, words } from '../../text/policies';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import type { Draft, Line } from './draft';
import css from './policies.module.css';
import { Scope, namesOf, scopeText } from './scope';

interface Props {
  draft: Draft;
  hosts: readonly Host[];
  /** Not all hosts are known here. */
  partly: boolean;
  /** Why it may not be changed; "" for nothing. */
  reason: string;
  onEdit: (line: Line) => void;
  onCopy: (line: Line) => void;
  onDelete: (line: Line) => void;
}

/** Row is an assignment, or the built-in policy where there is no line. */
interface Row {
  no: number;
  line?: Line;
  having: Host[];
  fitting: number;
}

/** Assignments lists the assignments in their order, after the built-in policy, with the hosts that have each. */
export function Assignments({ draft, hosts, partly, reason, ...on }: Props) {
  const names = useMemo(() => namesOf(hosts), [hosts]);
  const rows = useMemo(() => rowsOf(draft.lines, hosts), [draft.lines, hosts]);
  const swap = (i: number, by: number) => {
    const next = [...draft.lines];
    next.splice(i + by, 0, ...next.splice(i, 1));
    draft.set(next);
  };
  const columns: PlainColumn<Row>[] = [
    { key: 'no', title: 'No', render: (r) => <span className={css.no}>{r.line ? r.no : <span title="What hosts have that nothing fits">–</span>}</span> },
    {
      key: 'hosts',
      title: 'Hosts',
      render: (r) => (
        <>
          {r.line ? <Scope assignment={r.line.assignment} names={names} /> : <span className={css.muted}>every other host</span>}
          {draft.error && draft.where?.index === r.no - 1 && r.line && (
            <span className={css.fault} role="alert">
              {tail(draft.error.message)}
            </span>
          )}
        </>
      ),
    },
    { key: 'policy', title: 'Policy', render: (r) => <Words policy={r.line?.assignment.policy ?? {}} builtIn={!r.line} /> },
    { key: 'in-force', title: draft.changed ? 'Would count for' : 'Counts for', render: (r) => <Having row={r} partly={partly} /> },
    {
      key: 'act',
      title: 'Actions',
      quiet: true,
      render: ({ line, no }) => line && <Actions {...on} line={line} no={no} last={no === draft.lines.length} what={`${no}, for ${scopeText(line.assignment, names)}`} reason={reason} onMove={(by) => swap(no - 1, by)} />,
    },
  ];
  return <PlainTable label="Policies" columns={columns} rows={rows} id={(r) => String(r.line?.id ?? 'built-in')} />;
}

/** tail is what the server said of an assignment, without naming it again. */
export const tail = (message: string): string => message.replace(/^.*?assignment \d+: (policy: )?/s, '');

function rowsOf(lines: readonly Line[], hosts: readonly Host[]): Row[] {
  const all = lines.map((l) => l.assignment);
  const having = Map.groupBy(hosts, (h) => counts(all, h));
  const built: Row = { no: 0, having: having.get(-1) ?? [], fitting: hosts.length };
  return [built, ...lines.map((line, i): Row => ({ no: i + 1, line, having: having.get(i) ?? [], fitting: hosts.filter((h) => fits(line.assignment, h)).length }))];
}

/** Words shows what a policy asks for. */
export function Words({ policy, builtIn }: { policy: Policy; builtIn?: boolean }) {
  const parts = words(policy);
  if (parts.length === 0) return <span className={css.muted}>{builtIn ? 'built-in: the defaults' : 'the defaults'}</span>;
  return (
    <ul className={css.words}>
      {parts.map((p) => (
        <li key={p}>{visible(fold(p, 200))}</li>
      ))}
    </ul>
  );
}

const most = 25; // hosts that are named

function Having({ row: { line, having, fitting }, partly }: { row: Row; partly: boolean }) {
  const elsewhere = fitting - having.length;
  if (having.length === 0) {
    return <span className={css.muted}>{!line || fitting > 0 ? 'no host; later ones fit them all' : partly ? 'none of the hosts listed here' : 'no host fits'}</span>;
  }
  return (
    <details className={css.having}>
      <summary>
        {partly && 'at least '}
        {plural(having.length, 'host')}
      </summary>
      <ul>
        {having.slice(0, most).map((h) => (
          <li key={h.uid}>
            <Link to={`/hosts/${h.uid}`}>{visible(fold(h.name || h.uid, 64))}</Link>
          </li>
        ))}
        {having.length > most && <li>and {exact(having.length - most)} more</li>}
        {line && elsewhere > 0 && <li className={css.muted}>fits {plural(elsewhere, 'host')} more, for which a later one counts</li>}
      </ul>
    </details>
  );
}

interface ActionsProps extends Pick<Props, 'onEdit' | 'onCopy' | 'onDelete' | 'reason'> {
  line: Line;
  no: number;
  last: boolean;
  /** Which assignment, in words. */
  what: string;
  onMove: (by: number) => void;
}

function Actions({ line, no, last, what, reason, onMove, onEdit, onCopy, onDelete }: ActionsProps) {
  if (reason !== '') return null;
  // The row takes its button along, which loses the focus by that.
  const moved = (button: HTMLElement, by: number) => {
    flushSync(() => onMove(by));
    button.focus();
  };
  const move = (by: number, label: string, off: boolean) => (
    <Tooltip label={label}>
      <ActionIcon aria-label={`${label}: ${what}`} aria-disabled={off || undefined} onClick={(e) => !off && moved(e.currentTarget, by)}>
        {by < 0 ? <IconArrowUp size={16} /> : <IconArrowDown size={16} />}
      </ActionIcon>
    </Tooltip>
  );
  return (
    <span className={css.actions}>
      {move(-1, 'Move up', no === 1)}
      {move(1, 'Move down', last)}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon aria-label={`Actions for ${what}`}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => onEdit(line)}>Edit…</Menu.Item>
          <Menu.Item onClick={() => onCopy(line)}>Duplicate…</Menu.Item>
          <Menu.Item onClick={() => onDelete(line)}>Delete…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </span>
  );
}


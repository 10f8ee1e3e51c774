import { Button, Group, Skeleton } from '@mantine/core';
import { IconFileText, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Assignment, Host } from '../../api/model';
import { type InForce, usePolicies, versionOf } from '../../api/policies';
import { useHosts, useMay } from '../../api/queries';
import { Confirm } from '../../components/confirm';
import { useGuard } from '../../components/guard';
import { Panel } from '../../components/page';
import { RoleButton, useReason } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { useToast } from '../../components/toast';
import { effects } from '../../text/policies';
import { plural } from '../../text/numbers';
import { type Draft, type Line, useDraft } from './draft';
import { AssignmentDialog } from './form';
import { Assignments, tail } from './list';
import css from './policies.module.css';
import { Effects, Review } from './review';
import { namesOf, scopeText } from './scope';
import { TextDialog } from './text';

/** Policies says which policy hosts have, and changes that. */
export function Policies() {
  const policies = usePolicies();
  const hosts = useHosts({ state: 'active' });
  if (policies.data && hosts.data) return <Loaded now={policies.data} hosts={hosts.data.items} partly={hosts.data.next !== undefined} />;
  const failed = policies.isError ? policies : hosts.isError ? hosts : undefined;
  return <Panel title="Policies">{failed ? <ErrorState error={failed.error} retry={() => void failed.refetch()} /> : <Skeleton height={220} />}</Panel>;
}

/** Doing is the dialog that is open. */
type Doing = { what: 'text' | 'theirs' | 'review' | 'add' } | { what: 'edit' | 'copy' | 'delete'; line: Line } | null;

interface Props {
  now: InForce;
  hosts: readonly Host[];
  partly: boolean;
}

function Loaded({ now, hosts, partly }: Props) {
  const draft = useDraft(now);
  const guard = useGuard(draft.changed);
  const reason = useReason('admin');
  const [doing, setDoing] = useState<Doing>(null);
  const add = (
    <RoleButton role="admin" leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setDoing({ what: 'add' })}>
      Add an assignment
    </RoleButton>
  );
  return (
    <>
      {(draft.changed || draft.overtaken) && <DraftBar draft={draft} now={now} hosts={hosts} onReview={() => setDoing({ what: 'review' })} onTheirs={() => setDoing({ what: 'theirs' })} />}
      <Panel
        title="Policies"
        hint={draft.changed ? 'a draft' : now.all.length > 0 ? `version ${versionOf(now.tag)}` : undefined}
        flush
        aside={
          <Group gap="xs">
            <Button variant="default" leftSection={<IconFileText size={15} aria-hidden />} onClick={() => setDoing({ what: 'text' })}>
              {reason ? 'View as text' : 'Edit as text'}
            </Button>
            {add}
          </Group>
        }
      >
        <p className={css.intro}>
          A policy says which features run on a host, and within which bounds. Of the assignments that fit a host <b>the last one counts</b>, whole: policies are not mixed.
        </p>
        <Assignments draft={draft} hosts={hosts} partly={partly} reason={reason} onEdit={(line) => setDoing({ what: 'edit', line })} onCopy={(line) => setDoing({ what: 'copy', line })} onDelete={(line) => setDoing({ what: 'delete', line })} />
        {draft.lines.length === 0 && <EmptyState title="Nothing is assigned" text="Every host has the built-in policy: the features that are on by default, and a heartbeat every 15 seconds." action={add} />}
        {partly && <p className={css.intro}>Hosts are counted among the first 1,000 by name.</p>}
        <History />
      </Panel>
      <Dialogs doing={doing} draft={draft} now={now} hosts={hosts} partly={partly} close={() => setDoing(null)} />
      <Confirm opened={guard !== null} onClose={() => guard?.stay()} title="Leave without the draft?" action="Discard the draft" danger pending={false} error={null} onConfirm={() => guard?.leave()}>
        <p>The changes of these policies are not in force, and are forgotten when you leave this page.</p>
      </Confirm>
    </>
  );
}

function History() {
  if (!useMay('admin')) return null;
  return (
    <p className={css.intro}>
      <Link to="/settings/audit-log?action=policies.*">Who set which policies</Link>
    </p>
  );
}

interface BarProps {
  draft: Draft;
  now: InForce;
  hosts: readonly Host[];
  onReview: () => void;
  onTheirs: () => void;
}

/** DraftBar says that there is a draft, what it would do, and what stands against it. */
function DraftBar({ draft, now, hosts, onReview, onTheirs }: BarProps) {
  const touched = effects(draft.base.all, draft.all, hosts).reduce((n, e) => n + e.hosts.length, 0);
  const fault = draft.error && !draft.overtaken ? draft.error.message : '';
  return (
    <section className={css.bar} data-bad={fault !== '' || draft.overtaken || undefined} aria-label="Draft of policies">
      <div className={css.said} role="status">
        <b>{draft.overtaken ? 'Somebody else was faster' : 'Not in force yet'}</b>
        {draft.overtaken ? (
          <span>
            Version {versionOf(now.tag)} is in force, and your draft builds on version {versionOf(draft.base.tag)}. Look at theirs; then discard your draft, or build it on theirs and review again: what
            they changed and your draft lacks is undone by it.
          </span>
        ) : (
          <span>{fault || (touched === 0 ? 'No host gets another policy by this draft.' : `${plural(touched, 'host')} would get another policy.`)}</span>
        )}
      </div>
      <Group gap="xs">
        <Button variant="default" onClick={draft.discard}>
          {draft.overtaken ? 'Discard mine' : 'Discard'}
        </Button>
        {draft.overtaken ? (
          <>
            <Button variant="default" onClick={onTheirs}>
              Show theirs
            </Button>
            <Button onClick={draft.rebuild}>Build mine on version {versionOf(now.tag)}</Button>
          </>
        ) : (
          <Button onClick={onReview}>Review</Button>
        )}
      </Group>
    </section>
  );
}

function Dialogs({ doing, draft, now, hosts, partly, close }: Props & { doing: Doing; draft: Draft; close: () => void }) {
  const toast = useToast();
  const may = useMay('admin');
  const fault = draft.error && !draft.overtaken ? draft.error.message : '';
  const put = (all: readonly Line[]) => {
    draft.set(all);
    close();
  };
  switch (doing?.what) {
    case 'text':
      return <TextDialog title={may ? 'Policies as text' : 'Policies in force'} all={draft.all} fault={fault} {...(may ? { onTake: (all: Assignment[]) => (draft.take(all), close()) } : {})} onClose={close} />;
    case 'theirs':
      return <TextDialog title={`Version ${versionOf(now.tag)}, in force`} all={now.all} onClose={close} />;
    case 'review':
      return (
        <Review
          draft={draft}
          hosts={hosts}
          partly={partly}
          onClose={close}
          onDone={(next) => {
            close();
            toast.say(`Version ${versionOf(next.tag)} is in force. Connected hosts are sent their policies now, others when they connect.`);
          }}
        />
      );
    case 'add':
    case 'copy':
      return <AddDialog from={doing.what === 'copy' ? doing.line.assignment : undefined} draft={draft} hosts={hosts} close={close} />;
    case 'edit':
      return <EditDialog line={doing.line} draft={draft} hosts={hosts} close={close} put={put} />;
    case 'delete':
      return <DeleteDialog line={doing.line} draft={draft} hosts={hosts} partly={partly} close={close} put={put} />;
    default:
      return null;
  }
}

interface DialogProps {
  line: Line;
  draft: Draft;
  hosts: readonly Host[];
  close: () => void;
  put: (all: readonly Line[]) => void;
}

function AddDialog({ from, draft, hosts, close }: { from: Assignment | undefined } & Omit<DialogProps, 'line' | 'put'>) {
  const done = (a: Assignment) => {
    draft.add(a);
    close();
  };
  return <AssignmentDialog title="Add an assignment" from={from} faults={{}} hosts={hosts} within={(a) => ({ all: [...draft.all, a], index: draft.all.length })} action="Add to the draft" onDone={done} onClose={close} />;
}

function EditDialog({ line, draft, hosts, close, put }: DialogProps) {
  const index = draft.lines.findIndex((l) => l.id === line.id);
  const here = draft.error && draft.where?.index === index ? draft.where.field : '';
  const replaced = (assignment: Assignment) => draft.lines.map((l) => (l.id === line.id ? { ...l, assignment } : l));
  return (
    <AssignmentDialog
      title={`Assignment ${index + 1}`}
      from={line.assignment}
      faults={here ? { [here]: tail(draft.error?.message ?? '') } : {}}
      hosts={hosts}
      within={(a) => ({ all: replaced(a).map((l) => l.assignment), index })}
      action="Change the draft"
      onDone={(a) => put(replaced(a))}
      onClose={close}
    />
  );
}

function DeleteDialog({ line, draft, hosts, partly, close, put }: DialogProps & { partly: boolean }) {
  const left = draft.lines.filter((l) => l.id !== line.id);
  return (
    <Confirm
      opened
      onClose={close}
      title={`Delete assignment ${draft.lines.findIndex((l) => l.id === line.id) + 1}, for ${scopeText(line.assignment, namesOf(hosts))}?`}
      action="Delete from the draft"
      danger
      pending={false}
      error={null}
      onConfirm={() => put(left)}
    >
      <Effects before={draft.all} after={left.map((l) => l.assignment)} hosts={hosts} partly={partly} />
      <p>Nothing comes into force before the draft is reviewed.</p>
    </Confirm>
  );
}

import { Button, Select, Textarea } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { type GivenStatus, givenStatuses } from '../api/model';
import { useMay, useSession, useUsers } from '../api/queries';
import { StatusBadge, statusNames } from './badges';
import { useKeys } from './keyboard';
import { TimeAgo } from './timeago';
import { useToast } from './toast';
import css from './triagebar.module.css';

const nobody = '-';

/** Triage is what the bar changes. */
export interface Triage {
  status?: GivenStatus;
  assignee?: string;
  comment?: string;
}

/** Then is what happens when a change was made, or refused. */
export interface Then {
  onSuccess: () => void;
  onError: (error: Error) => void;
}

interface Props {
  /** What is worked on: how far people are with it. */
  of: { status: string; assignee: string };
  /** What it is called, in the plural: "alerts". */
  noun: string;
  /** Who set the status, and when, where that is known. */
  by?: { name: string; time: string } | undefined;
  change: { mutate: (body: Triage, then: Then) => void; isPending: boolean; variables?: { status?: string } | undefined };
  /** What else can be set, beside the assignee. */
  children?: ReactNode;
}

/** TriageBar says how far people are, and changes it: at once, or with a comment. */
export function TriageBar({ of, noun, by, change, children }: Props) {
  const may = useMay('responder');
  const toast = useToast();
  const [asked, setAsked] = useState<GivenStatus | null>(null);
  const me = useSession().data?.user.name ?? '';
  const users = useUsers();
  const people = [...new Set([me, ...(of.assignee ? [of.assignee] : []), ...(users.data?.items.map((u) => u.name) ?? [])])].filter((n) => n !== '');
  const apply = (body: Triage, then?: () => void) =>
    change.mutate(body, {
      onSuccess: () => {
        toast.say(told(body));
        then?.();
      },
      onError: (error) => toast.complain(error),
    });
  const ask = (status: GivenStatus) => () => {
    if (!may || status === of.status) return;
    // What is closed deserves a word on why; the rest happens at once.
    if (status === 'resolved' || status === 'dismissed') setAsked(status);
    else apply({ status });
  };
  useKeys({ a: ask('acknowledged'), e: ask('resolved'), d: ask('dismissed'), o: ask('open'), m: () => may && apply({ assignee: me }) });
  return (
    <section className={css.triage} aria-label="Triage">
      <div className={css.line}>
        <StatusBadge status={of.status} />
        {by?.name && (
          <span className={css.by}>
            by {by.name}, <TimeAgo time={by.time} />
          </span>
        )}
        <div className={css.buttons} role="group" aria-label="Set status">
          {givenStatuses
            .filter((s) => s !== of.status)
            .map((s) => (
              <Button key={s} variant={s === next[of.status] ? 'filled' : 'default'} disabled={!may} loading={change.isPending && change.variables?.status === s} onClick={ask(s)}>
                {words[s]}
              </Button>
            ))}
        </div>
        <Select
          aria-label="Assignee"
          className={css.assignee ?? ''}
          disabled={!may}
          searchable
          allowDeselect={false}
          value={of.assignee || nobody}
          onChange={(v) => apply({ assignee: v === nobody || v === null ? '' : v })}
          data={[{ value: nobody, label: 'Assigned to nobody' }, ...people.map((n) => ({ value: n, label: n === me ? `${n} (me)` : n }))]}
        />
        {children}
      </div>
      {asked && <Reason status={asked} pending={change.isPending} onCancel={() => setAsked(null)} onDone={(comment) => apply({ status: asked, ...(comment ? { comment } : {}) }, () => setAsked(null))} />}
      {!may && <p className={css.by}>Your role may look at {noun} but not change them.</p>}
    </section>
  );
}

// What usually comes next.
const next: Partial<Record<string, GivenStatus>> = { open: 'acknowledged', acknowledged: 'resolved' };

const words: Record<GivenStatus, string> = { open: 'Open again', acknowledged: 'Acknowledge', resolved: 'Resolve…', dismissed: 'Dismiss…' };

function told(change: Triage): string {
  if (change.status) return change.status === 'open' ? 'Opened again.' : `Set to ${statusNames[change.status].toLowerCase()}.`;
  return change.assignee ? `Assigned to ${change.assignee}.` : 'Assigned to nobody.';
}

const hints: Partial<Record<GivenStatus, string>> = {
  resolved: 'It was real and is dealt with. What was done?',
  dismissed: 'It was no threat. How do you know?',
};

function Reason({ status, pending, onCancel, onDone }: { status: GivenStatus; pending: boolean; onCancel: () => void; onDone: (comment: string) => void }) {
  const [text, setText] = useState('');
  return (
    <form
      className={css.reason}
      onSubmit={(e) => {
        e.preventDefault();
        onDone(text.trim());
      }}
    >
      <Textarea
        label={hints[status]}
        placeholder="A comment, if you like"
        autosize
        minRows={2}
        maxRows={8}
        maxLength={16_384}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        autoFocus
        onKeyDown={(e) => {
          if (e.key === 'Escape') onCancel();
          if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) onDone(text.trim());
        }}
      />
      <div className={css.reasonButtons}>
        <Button type="submit" loading={pending}>
          Set to {statusNames[status].toLowerCase()}
        </Button>
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
      </div>
    </form>
  );
}

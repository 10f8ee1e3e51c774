import { Button, Select, Textarea } from '@mantine/core';
import { useState } from 'react';
import { type Alert, type Status, statuses } from '../../api/model';
import { useMay, useSession, useUsers } from '../../api/queries';
import { StatusBadge, statusNames } from '../../components/badges';
import { useKeys } from '../../components/keyboard';
import { TimeAgo } from '../../components/timeago';
import { useToast } from '../../components/toast';
import css from './alert.module.css';
import { type Change, useChange } from './data';

const nobody = '-';

/** TriageBar says how far people are, and changes it: at once, or with a comment. */
export function TriageBar({ alert }: { alert: Alert }) {
  const may = useMay('responder');
  const toast = useToast();
  const change = useChange(alert);
  const [asked, setAsked] = useState<Status | null>(null);
  const me = useSession().data?.user.name ?? '';
  const users = useUsers();
  const people = [...new Set([me, ...(alert.assignee ? [alert.assignee] : []), ...(users.data?.items.map((u) => u.name) ?? [])])].filter((n) => n !== '');
  const apply = (body: Change, then?: () => void) =>
    change.mutate(body, {
      onSuccess: () => {
        toast.say(told(body));
        then?.();
      },
      onError: (error) => toast.complain(error),
    });
  const ask = (status: Status) => () => {
    if (!may || status === alert.status) return;
    // What is closed deserves a word on why; the rest happens at once.
    if (status === 'resolved' || status === 'dismissed') setAsked(status);
    else apply({ status });
  };
  useKeys({ a: ask('acknowledged'), e: ask('resolved'), d: ask('dismissed'), o: ask('open'), m: () => may && apply({ assignee: me }) });
  return (
    <section className={css.triage} aria-label="Triage">
      <div className={css.triageLine}>
        <StatusBadge status={alert.status} />
        {alert.triage_by && (
          <span className={css.by}>
            by {alert.triage_by}, <TimeAgo time={alert.triage_time} />
          </span>
        )}
        <div className={css.buttons} role="group" aria-label="Set status">
          {statuses
            .filter((s) => s !== alert.status)
            .map((s) => (
              <Button key={s} variant={s === next[alert.status] ? 'filled' : 'default'} disabled={!may} loading={change.isPending && change.variables?.status === s} onClick={ask(s)}>
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
          value={alert.assignee || nobody}
          onChange={(v) => apply({ assignee: v === nobody || v === null ? '' : v })}
          data={[{ value: nobody, label: 'Assigned to nobody' }, ...people.map((n) => ({ value: n, label: n === me ? `${n} (me)` : n }))]}
        />
      </div>
      {asked && <Reason status={asked} pending={change.isPending} onCancel={() => setAsked(null)} onDone={(comment) => apply({ status: asked, ...(comment ? { comment } : {}) }, () => setAsked(null))} />}
      {!may && <p className={css.by}>Your role may look at alerts but not change them.</p>}
    </section>
  );
}

// What usually comes next.
const next: Partial<Record<Status, Status>> = { open: 'acknowledged', acknowledged: 'resolved' };

const words: Record<Status, string> = { open: 'Open again', acknowledged: 'Acknowledge', resolved: 'Resolve…', dismissed: 'Dismiss…' };
function told(change: Change): string {
  if (change.status) return change.status === 'open' ? 'Opened again.' : `Set to ${statusNames[change.status].toLowerCase()}.`;
  return change.assignee ? `Assigned to ${change.assignee}.` : 'Assigned to nobody.';
}

const hints: Partial<Record<Status, string>> = {
  resolved: 'It was real and is dealt with. What was done?',
  dismissed: 'It was no threat. How do you know?',
};

function Reason({ status, pending, onCancel, onDone }: { status: Status; pending: boolean; onCancel: () => void; onDone: (comment: string) => void }) {
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

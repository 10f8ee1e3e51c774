import { Skeleton } from '@mantine/core';
import { IconChevronLeft } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import { ApiError } from '../../api/errors';
import type { Exception, ExceptionBody } from '../../api/model';
import { Confirm } from '../../components/confirm';
import { useGuard } from '../../components/guard';
import { Page } from '../../components/page';
import { RoleButton, useReason } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo, useNow } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { type Names, type Typed, bodyOf, coverFault, demanding, fault, impactText, stateOf, typedOf } from '../../text/exceptions';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { termsOf, useException, useImpact, useSave, useSuggestion } from './data';
import { DeleteDialog } from './delete';
import { Form } from './form';
import css from './form.module.css';
import { Impact } from './impact';
import { useNames } from './names';
import { StateBadge } from './state';

/** Component is the page of one exception: what it covers, changed with its effect in sight. Without an id it makes one, from an alert if the address names it. */
export function Component() {
  const { uid = '' } = useParams();
  const [query] = useSearchParams();
  const alert = uid === 'new' ? (query.get('alert') ?? '') : '';
  const there = useException(uid === 'new' ? '' : uid);
  const suggested = useSuggestion(alert);
  if (uid === 'new' && alert === '') return <Editor key="new" of={undefined} from={undefined} alert="" />;
  if (there.data) return <Editor key={uid} of={there.data} from={termsOf(there.data)} alert="" />;
  if (suggested.data) return <Editor key={alert} of={undefined} from={suggested.data} alert={alert} />;
  const asked = alert ? suggested : there;
  return (
    <Page title="Exception">
      {asked.isPending && <Skeleton height={420} />}
      {asked.isError &&
        (asked.error instanceof ApiError && asked.error.status === 404 ? (
          <EmptyState title={alert ? 'There is no such alert' : 'There is no such exception'} text={<>It may have been deleted, or the address is mistyped. <Link to="/exceptions">All exceptions</Link></>} />
        ) : (
          <ErrorState error={asked.error} retry={() => void asked.refetch()} />
        ))}
    </Page>
  );
}

const pause = 500; // milliseconds after the last change before the server is asked again

/** useSettled is a value once it has not changed for a moment. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pause);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

const dayLength = 24 * 3600_000;

/** useTypedImpact asks what the exception that is typed would have hidden. */
function useTypedImpact(typed: Typed, days: number) {
  const settled = useSettled(typed);
  const wrong = coverFault(settled);
  // What is covered is asked about, whatever it is called and however long it holds.
  const body: ExceptionBody = { ...bodyOf({ ...settled, lifetime: 'never' }, 0), name: 'preview', reason: 'preview', enabled: true, confirm: true };
  const [since, setSince] = useState(() => Date.now());
  useEffect(() => setSince(Date.now()), [days]);
  return { wrong, impact: useImpact(wrong === '' ? body : null, new Date(since - days * dayLength).toISOString()) };
}

interface EditorProps {
  /** What is changed; undefined for a new one. */
  of: Exception | undefined;
  from: ExceptionBody | undefined;
  /** The alert that it is made for; "" for none. */
  alert: string;
}

function Editor({ of, from, alert }: EditorProps) {
  const [days, setDays] = useState(30);
  const [asking, setAsking] = useState<Asking>(null);
  const reason = useReason('approver');
  const names = useNames();
  const { typed, setTyped, missing, guard, save, send, leave } = useEditing(of, from, alert);
  const { wrong, impact } = useTypedImpact(typed, days);
  const whole = typed.wholeRule && !demanding(typed);
  const title = of ? visible(fold(of.name, 120)) : 'Make an exception';
  const foot = (
    <>
      {save.isError && asking === null && (
        <p className={css.bad} role="alert">
          {save.error.message}
        </p>
      )}
      <RoleButton role="approver" reason={missing} loading={save.isPending} onClick={() => (whole ? setAsking('whole') : send(false))}>
        {of ? 'Save' : 'Put in force'}
      </RoleButton>
      <span className={css.muted}>{missing}</span>
    </>
  );
  return (
    <Page
      title={title}
      heading={<Heading title={title} of={of} />}
      actions={
        of && (
          <RoleButton role="approver" variant="default" onClick={() => setAsking('delete')}>
            Delete…
          </RoleButton>
        )
      }
    >
      <div className={css.grid}>
        <Form typed={typed} onChange={setTyped} names={names} disabled={reason !== ''} foot={foot} />
        <Impact fault={wrong} impact={impact} days={days} onDays={setDays} />
      </div>
      <Confirm opened={asking === 'whole'} onClose={() => setAsking(null)} title="Hide everything of these rules?" action="Hide everything" danger pending={save.isPending} error={save.error} onConfirm={() => send(true)}>
        <Whole typed={typed} names={names} />
        {impact.data && wrong === '' && <p>{impactText(impact.data, days)}</p>}
      </Confirm>
      {asking === 'delete' && of && <DeleteDialog exception={of} onClose={() => setAsking(null)} onDone={() => leave('/exceptions')} />}
      <Confirm opened={guard !== null} onClose={() => guard?.stay()} title="Leave without saving?" action="Discard the changes" danger pending={false} error={null} onConfirm={() => guard?.leave()}>
        <p>What you changed here is not in force, and is forgotten when you leave this page.</p>
      </Confirm>
    </Page>
  );
}

/** Asking is the dialog that is open. */
type Asking = 'whole' | 'delete' | null;

/** useEditing is the exception as it is typed, with the ways to save it and to leave it. */
function useEditing(of: Exception | undefined, from: ExceptionBody | undefined, alert: string) {
  const [typed, setTyped] = useState(() => typedOf(from));
  const [first] = useState(() => termsText(typed));
  const [leaveFor, leave] = useState('');
  const guard = useGuard(leaveFor === '' && termsText(typed) !== first);
  const save = useSave();
  const toast = useToast();
  const navigate = useNavigate();
  // By then the guard lets go.
  useEffect(() => {
    if (leaveFor !== '') void navigate(leaveFor);
  }, [leaveFor, navigate]);
  const send = (confirm: boolean) =>
    save.mutate(
      { of, body: { ...bodyOf(typed, Date.now()), ...(confirm ? { confirm } : {}) } },
      {
        onSuccess: () => {
          toast.say(of ? 'The exception is changed.' : 'The exception is in force. It hides alerts from now on, not those that are there.');
          leave(alert ? `/alerts/${alert}` : '/exceptions');
        },
      },
    );
  return { typed, setTyped, missing: fault(typed), guard, save, send, leave };
}

/** Whole names what is hidden altogether. */
function Whole({ typed: { rules, types }, names }: { typed: Typed; names: Names }) {
  return (
    <>
      <p>Whatever these rules and types tell in this scope is hidden, an attack as well:</p>
      <ul>
        {[...rules.map((r) => names.rules.get(r) ?? r), ...types.map((t) => names.types.get(t) ?? t)].slice(0, 12).map((n, i) => (
          <li key={i}>{visible(fold(n, 120))}</li>
        ))}
      </ul>
    </>
  );
}

/** termsText is what is typed, to tell whether it has changed. */
const termsText = ({ match, ...rest }: Typed): string => JSON.stringify([rest, match.map(({ id: _, ...c }) => c)]);

function Heading({ title, of }: { title: string; of: Exception | undefined }) {
  const now = useNow();
  return (
    <div className={css.heading}>
      <Link to="/exceptions" className={css.back}>
        <IconChevronLeft size={14} aria-hidden /> Exceptions
      </Link>
      <h1 className={css.title}>{title}</h1>
      {of ? (
        <div className={css.facts}>
          <StateBadge state={stateOf(of, now)} />
          <span>
            made by {visible(fold(of.created_by, 64))} <TimeAgo time={of.created_time} />
          </span>
          <span>{of.hits > 0 ? <>has hidden {exact(of.hits)}, the last <TimeAgo time={of.last_hit_time} /></> : 'has hidden nothing yet'}</span>
        </div>
      ) : (
        <div className={css.facts}>What it hides is kept as suppressed, can be looked up, and still ties incidents together.</div>
      )}
    </div>
  );
}

import { Button, Menu, Skeleton } from '@mantine/core';
import { IconChevronDown, IconDownload } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { ApiError } from '../../api/errors';
import { type Hunt, type HuntAnswer, useHuntExport } from '../../api/hunt';
import { CopyButton } from '../../components/copy';
import { save, stamp } from '../../components/download';
import { Histogram } from '../../components/histogram';
import { EmptyState, ErrorState } from '../../components/states';
import { useToast } from '../../components/toast';
import type { HuntView } from '../../text/hunt';
import { bytes, plural } from '../../text/numbers';
import { spanWords } from '../../text/range';
import { fold, visible } from '../../text/safe';
import { took } from '../../text/time';
import css from './hunt.module.css';
import { Results } from './results';
import { RowDrawer } from './row';

interface Props {
  view: HuntView;
  hunt: Hunt;
  answer: UseQueryResult<HuntAnswer>;
  /** What is in the box is not what was asked. */
  stale: boolean;
  onRun: (view: HuntView) => void;
  onQuery: (query: string) => void;
  onRetry: () => void;
}

/** Answer is what came of a hunt: how much was read, when it was, the rows. */
export function Answer({ view, hunt, answer, stale, onRun, onQuery, onRetry }: Props) {
  const [open, setOpen] = useState<number | null>(null);
  useEffect(() => setOpen(null), [answer.data]);
  if (answer.isFetching) {
    return (
      <div className={css.waiting}>
        <p role="status">Reading stored events…</p>
        <Skeleton height={200} />
      </div>
    );
  }
  if (answer.error instanceof ApiError && answer.error.status === 422) return <EmptyState title="The query cannot be run" text={visible(answer.error.message)} />;
  if (answer.isError) return <ErrorState error={answer.error} retry={onRetry} />;
  if (!answer.data) return <EmptyState title="Stopped" text="The hunt was stopped before it had an answer." action={<Button onClick={onRetry}>Run it again</Button>} />;
  const a = answer.data;
  const row = open === null ? undefined : a.rows[open];
  return (
    <section className={css.answer} aria-label="Answer" data-stale={stale || undefined}>
      <div className={css.head}>
        <p className={css.outcome} role="status">
          <Outcome answer={a} view={view} />
          {stale && <span className={css.muted}> The query above has changed since.</span>}
        </p>
        <div className={css.buttons}>
          <CopyButton text={() => window.location.href} label="Copy the address of this hunt" words="Copy link" />
          {a.rows.length > 0 && <Export hunt={hunt} complete={a.complete} />}
        </div>
      </div>
      {a.matched > 0 && <Histogram noun="event" buckets={a.histogram} onPick={(since, until) => onRun({ ...view, since, until })} />}
      {a.rows.length > 0 ? (
        <Results answer={a} onOpen={setOpen} opened={open} />
      ) : (
        <EmptyState title="Nothing fits" text={a.complete ? 'No stored event of this time meets the conditions. Look further back, or ask for less.' : 'Not all events were read: look at the sentence above.'} />
      )}
      {row !== undefined && open !== null && <RowDrawer answer={a} index={open} query={view.query} onQuery={(q) => (setOpen(null), onQuery(q))} onClose={() => setOpen(null)} />}
    </section>
  );
}

/** Outcome says what was found, and honestly of how much. */
function Outcome({ answer: a, view }: { answer: HuntAnswer; view: HuntView }) {
  return (
    <>
      <b>
        {a.more && 'The first '}
        {plural(a.rows.length, 'row')}
      </b>{' '}
      of {plural(a.matched, 'event')} that matched, among {plural(a.scanned, 'event')} read in {took(a.took_ms)} ({spanWords(view)}).{' '}
      {a.complete ? (
        'All stored events of this time are accounted for.'
      ) : (
        <b className={css.part}>Not all stored events are accounted for{a.stopped ? `: ${visible(fold(a.stopped, 400))}` : '.'}</b>
      )}
      {a.more && ' There are more rows: export them, or summarize.'}
    </>
  );
}

const formats = { csv: 'CSV', ndjson: 'NDJSON' } as const;

/** Export fetches all rows, up to a million, as a file. */
function Export({ hunt, complete }: { hunt: Hunt; complete: boolean }) {
  const run = useHuntExport();
  const toast = useToast();
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const start = (format: keyof typeof formats) => {
    running.current = new AbortController();
    run.mutate(
      { ...hunt, format, signal: running.current.signal },
      {
        onSuccess: (blob) => {
          save(blob, `hunt-${stamp()}.${format}`);
          toast.say(`The rows are saved: ${bytes(blob.size)}.${complete ? '' : ' As the answer here, they do not account for all stored events.'}`);
        },
        onError: (error) => error.name !== 'AbortError' && toast.complain(error),
      },
    );
  };
  if (run.isPending) {
    return (
      <Button variant="default" leftSection={<IconDownload size={15} aria-hidden />} onClick={() => running.current?.abort()}>
        Exporting… Stop
      </Button>
    );
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={15} aria-hidden />} rightSection={<IconChevronDown size={14} aria-hidden />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {(Object.keys(formats) as (keyof typeof formats)[]).map((f) => (
          <Menu.Item key={f} onClick={() => start(f)}>
            {formats[f]}, up to 1,000,000 rows
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

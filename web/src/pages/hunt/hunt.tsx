import { Button } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { type Ref, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useLocation, useSearchParams } from 'react-router';
import { useHunt, useHuntCheck } from '../../api/hunt';
import { CodeBox, type CodeHandle } from '../../components/codebox';
import { Page } from '../../components/page';
import { SavedViews } from '../../components/savedviews';
import { TimeRange } from '../../components/timerange';
import { type HuntView, huntOf, parseHunt, writeHunt } from '../../text/hunt';
import { Answer } from './answer';
import css from './hunt.module.css';
import { Examples, FieldReference } from './reference';

const pause = 300; // milliseconds after the last key before the query is looked at
const longest = 16_384; // characters of a query, as the server bounds it

/** useAsked is what the URL asks, with its answer. Asking the same again is another visit to the same address, and asks anew. */
function useAsked() {
  const [search, setSearch] = useSearchParams();
  const { key } = useLocation();
  const address = search.toString();
  const asked = useMemo(() => parseHunt(new URLSearchParams(address)), [address]);
  const hunt = useMemo(() => ({ body: huntOf(asked, Date.now()), visit: key }), [asked, key]);
  const answer = useHunt(hunt.body, hunt.visit);
  const run = useCallback(
    (view: HuntView) => {
      const next = writeHunt(view);
      setSearch(next, { replace: next.toString() === address });
    },
    [address, setSearch],
  );
  return { asked, body: hunt.body, answer, run };
}

/** Component is the page of hunts: a question about the stored events, and its answer. The URL holds what was asked. */
export function Component() {
  const { asked, body, answer, run } = useAsked();
  const [view, setView] = useState(asked);
  useEffect(() => setView(asked), [asked]);
  const box = useRef<CodeHandle>(null);
  const queries = useQueryClient();
  const stop = () => void queries.cancelQueries({ queryKey: ['hunt', 'run'] });
  const put = (query: string) => {
    setView({ ...view, query });
    box.current?.focus();
  };
  const changed = view.query !== asked.query || view.since !== asked.since || view.until !== asked.until;
  return (
    <Page
      title="Hunt"
      actions={<SavedViews page="hunt" noun="search" nouns="searches" ready={[]} query={writeHunt(view).toString()} onOpen={(q) => run(parseHunt(new URLSearchParams(q)))} />}
    >
      <div className={css.grid}>
        <div className={css.main}>
          <QueryBox boxRef={box} view={view} running={answer.isFetching} onChange={setView} onRun={run} onStop={stop} />
          {body ? <Answer view={asked} hunt={body} answer={answer} stale={changed} onRun={run} onQuery={put} onRetry={() => run(asked)} /> : <Examples onChoose={put} />}
        </div>
        <FieldReference onInsert={(text) => box.current?.insert(text)} />
      </div>
    </Page>
  );
}

interface BoxProps {
  boxRef: Ref<CodeHandle>;
  view: HuntView;
  running: boolean;
  onChange: (view: HuntView) => void;
  onRun: (view: HuntView) => void;
  onStop: () => void;
}

/** QueryBox is where a question is written: what is wrong with it is said while one types. */
function QueryBox({ boxRef, view, running, onChange, onRun, onStop }: BoxProps) {
  const { query } = view;
  const [settled] = useDebouncedValue(query, pause);
  const check = useHuntCheck(settled);
  const problems = useMemo(
    () => (settled === query && query.trim() !== '' ? (check.data?.problems ?? []).map((p) => ({ line: p.line, column: p.column, length: p.length, text: p.reason, hint: p.hint })) : []),
    [check.data, settled, query],
  );
  const run = () => query.trim() !== '' && onRun(view);
  return (
    <section aria-label="Query">
      <CodeBox
        ref={boxRef}
        label="Query"
        value={query}
        onChange={(next) => onChange({ ...view, query: next })}
        rows={Math.min(Math.max(query.split('\n').length, 5), 14)}
        maxLength={longest}
        problems={problems}
        onSubmit={run}
        placeholder="process | where command_line contains &quot;curl&quot; | take 50"
      />
      <div className={css.tools}>
        <TimeRange value={view} onChange={(time) => onChange({ ...view, ...time })} any />
        {running ? (
          <Button variant="default" leftSection={<IconPlayerStop size={15} aria-hidden />} onClick={onStop}>
            Stop
          </Button>
        ) : (
          <Button leftSection={<IconPlayerPlay size={15} aria-hidden />} disabled={query.trim() === ''} onClick={run}>
            Run
          </Button>
        )}
        <span className={css.hint}>Ctrl+Enter runs it. Each run is written into the audit log.</span>
      </div>
    </section>
  );
}

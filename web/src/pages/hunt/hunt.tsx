import { Button } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useHunt, useHuntCheck } from '../../api/hunt';
import { CodeBox, type CodeHandle } from '../../components/codebox';
import { Page } from '../../components/page';
import { SavedViews } from '../../components/savedviews';
import { TimeRange } from '../../components/timerange';
import { type HuntView, huntOf, parseHunt, writeHunt } from '../../text/hunt';
import { Answer } from './answer';
import { Examples, FieldReference } from './reference';
import css from './hunt.module.css';

const pause = 300; // milliseconds after the last key before the query is looked at
const longest = 16_384; // characters of a query, as the server bounds it

/** Component is the page of hunts: a question about the stored events, and its answer. The URL holds what was asked. */
export function Component() {
  const [search, setSearch] = useSearchParams();
  const address = search.toString();
  const asked = useMemo(() => parseHunt(new URLSearchParams(address)), [address]);
  // Asking the same again asks anew.
  const [number, setNumber] = useState(0);
  const hunt = useMemo(() => ({ body: huntOf(asked, Date.now()), number }), [asked, number]);
  const answer = useHunt(hunt.body, hunt.number);
  const [query, setQuery] = useState(asked.query);
  const [time, setTime] = useState({ since: asked.since, until: asked.until });
  useEffect(() => {
    setQuery(asked.query);
    setTime({ since: asked.since, until: asked.until });
  }, [asked]);

  const box = useRef<CodeHandle>(null);
  const [settled] = useDebouncedValue(query, pause);
  const check = useHuntCheck(settled);
  const problems = useMemo(
    () => (settled === query && query.trim() !== '' ? (check.data?.problems ?? []).map((p) => ({ line: p.line, column: p.column, length: p.length, text: p.reason, hint: p.hint })) : []),
    [check.data, settled, query],
  );
  const run = useCallback(
    (view: HuntView) => {
      setNumber((n) => n + 1);
      setSearch(writeHunt(view));
    },
    [setSearch],
  );
  const queries = useQueryClient();
  const stop = () => void queries.cancelQueries({ queryKey: ['hunt', 'run'] });
  const start = () => query.trim() !== '' && run({ query, ...time });
  const changed = query !== asked.query || time.since !== asked.since || time.until !== asked.until;
  const put = (next: string) => {
    setQuery(next);
    box.current?.focus();
  };
  return (
    <Page
      title="Hunt"
      actions={<SavedViews page="hunt" noun="search" nouns="searches" ready={[]} query={writeHunt({ query, ...time }).toString()} onOpen={(q) => run(parseHunt(new URLSearchParams(q)))} />}
    >
      <div className={css.grid}>
        <div className={css.main}>
          <section aria-label="Query">
            <CodeBox
              ref={box}
              label="Query"
              value={query}
              onChange={setQuery}
              rows={Math.min(Math.max(query.split('\n').length, 5), 14)}
              maxLength={longest}
              problems={problems}
              onSubmit={start}
              placeholder="process | where command_line contains &quot;curl&quot; | take 50"
            />
            <div className={css.tools}>
              <TimeRange value={time} onChange={setTime} any />
              {answer.isFetching ? (
                <Button variant="default" leftSection={<IconPlayerStop size={15} aria-hidden />} onClick={stop}>
                  Stop
                </Button>
              ) : (
                <Button leftSection={<IconPlayerPlay size={15} aria-hidden />} disabled={query.trim() === ''} onClick={start}>
                  Run
                </Button>
              )}
              <span className={css.hint}>Ctrl+Enter runs it. Each run is written into the audit log.</span>
            </div>
          </section>
          {hunt.body ? (
            <Answer view={asked} hunt={hunt.body} answer={answer} stale={changed} onRun={run} onQuery={put} onRetry={() => run(asked)} />
          ) : (
            <Examples onChoose={put} />
          )}
        </div>
        <FieldReference onInsert={(text) => box.current?.insert(text)} />
      </div>
    </Page>
  );
}

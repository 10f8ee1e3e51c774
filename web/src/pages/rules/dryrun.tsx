import { Button, Drawer, Select } from '@mantine/core';
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { useHosts } from '../../api/queries';
import { type DryRunMatch, type DryRunResult, useDryRun } from '../../api/rules';
import { EventDetail } from '../../components/eventdetail';
import { Histogram } from '../../components/histogram';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import { RoleButton } from '../../components/rolebutton';
import { TimeRange } from '../../components/timerange';
import { sentence } from '../../text/events';
import { matchRanges } from '../../text/matches';
import { exact, plural } from '../../text/numbers';
import { type TimeSpan, bounds } from '../../text/range';
import { fold, visible } from '../../text/safe';
import { exactTime, minuteTime, took } from '../../text/time';
import css from './editor.module.css';

const short = (text: string, limit = 120) => visible(fold(text, limit));

/** DryRun finds what the text would have matched in the events that are stored. It raises no alert and changes nothing. */
export function DryRun({ text, name, problems }: { text: string; name: string; problems: number }) {
  const [time, setTime] = useState<TimeSpan>({ since: '24h', until: '' });
  const [host, setHost] = useState<string | null>(null);
  const hosts = useHosts();
  const run = useDryRun();
  const running = useRef<AbortController | null>(null);
  const [ranOn, setRanOn] = useState('');
  useEffect(() => () => running.current?.abort(), []);
  const start = (over: TimeSpan = time) => {
    running.current?.abort();
    running.current = new AbortController();
    setRanOn(text);
    run.mutate({ text, ...(name ? { name } : {}), ...(host ? { host } : {}), ...bounds(over, Date.now()), signal: running.current.signal });
  };
  const stop = () => {
    running.current?.abort();
    run.reset();
  };
  const narrow = (since: string, until: string) => {
    setTime({ since, until });
    start({ since, until });
  };
  const names = new Map(hosts.data?.items.map((h) => [h.uid, h.name || h.uid]));
  return (
    <Panel title="Dry run" hint="on stored events; it raises no alert">
      <div className={css.tools}>
        <TimeRange value={time} onChange={setTime} />
        <Select
          aria-label="Host"
          placeholder="Every host"
          data={[...names].map(([value, label]) => ({ value, label: short(label, 64) }))}
          value={host}
          onChange={setHost}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': 'Every host' }}
          nothingFoundMessage="No such host"
          w={190}
        />
        {run.isPending ? (
          <Button variant="default" leftSection={<IconPlayerStop size={15} aria-hidden />} onClick={stop}>
            Stop
          </Button>
        ) : (
          <RoleButton role="responder" reason={text.trim() === '' ? 'There is no text to run.' : ''} leftSection={<IconPlayerPlay size={15} aria-hidden />} onClick={() => start()}>
            Run
          </RoleButton>
        )}
        {problems > 0 && <span className={css.meaning}>Rules with problems are left out.</span>}
      </div>
      <div role="status" className={css.outcome}>
        {run.isPending && 'Looking at stored events; at most half a minute…'}
        {run.data && <Outcome result={run.data} stale={ranOn !== text} />}
      </div>
      {run.isError && run.error.name !== 'AbortError' && (
        <p className={css.bad} role="alert">
          {run.error.message}
        </p>
      )}
      {run.data && <Result result={run.data} names={names} onNarrow={narrow} />}
    </Panel>
  );
}

/** Outcome says what was found, and of how much. */
function Outcome({ result: r, stale }: { result: DryRunResult; stale: boolean }) {
  return (
    <>
      <b>{r.matched === 0 ? 'No match' : plural(r.matched, 'match', 'matches')}</b> in {plural(r.scanned, 'event')}, read in {took(r.took_ms)}.{' '}
      {r.complete ? (
        'All stored events of the time were looked at.'
      ) : (
        <b className={css.part}>
          Not all: {visible(fold(r.stopped || 'the time was over', 300))}. Looked at {minuteTime(r.since)} to {minuteTime(r.until)}; choose less time or one host.
        </b>
      )}
      {stale && ' The text has changed since.'}
    </>
  );
}

const first = 20; // matches that are shown at once

function Result({ result: r, names, onNarrow }: { result: DryRunResult; names: ReadonlyMap<string, string>; onNarrow: (since: string, until: string) => void }) {
  const [shown, setShown] = useState<DryRunMatch | null>(null);
  const [all, setAll] = useState(false);
  if (r.matched === 0) return null;
  return (
    <div className={css.result}>
      <Histogram noun="match" nouns="matches" buckets={r.over_time} onPick={onNarrow} />
      <div className={css.tallies}>
        <section>
          <h3>By host</h3>
          <ul>
            {r.hosts.slice(0, 10).map((h) => (
              <li key={h.key}>
                <Link to={`/hosts/${encodeURIComponent(h.key)}`}>{short(names.get(h.key) || h.label || h.key, 64)}</Link> <span>{exact(h.count)}</span>
              </li>
            ))}
            {r.hosts.length > 10 && <li>and {exact(r.hosts.length - 10)} more hosts</li>}
          </ul>
        </section>
        {r.rules.length > 1 && (
          <section>
            <h3>By rule</h3>
            <ul>
              {r.rules.slice(0, 10).map((c) => (
                <li key={c.key}>
                  {short(c.label || c.key)} <span>{exact(c.count)}</span>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
      <h3 className={css.sub}>{r.matched > r.events.length ? `The first ${exact(r.events.length)} matches` : 'The matches'}</h3>
      <ol className={css.matches}>
        {(all ? r.events : r.events.slice(0, first)).map((m, i) => (
          <li key={i}>
            <Match match={m} several={r.rules.length > 1} host={names.get(m.event.host ?? '') ?? m.event.host ?? ''} onOpen={() => setShown(m)} />
          </li>
        ))}
      </ol>
      {!all && r.events.length > first && (
        <Button variant="subtle" onClick={() => setAll(true)}>
          Show all {exact(r.events.length)}
        </Button>
      )}
      <Drawer opened={shown !== null} onClose={() => setShown(null)} position="right" size="xl" title={shown ? exactTime(shown.event.time) : ''} closeButtonProps={{ 'aria-label': 'Close' }}>
        {shown && <EventDetail event={shown.event} />}
      </Drawer>
    </div>
  );
}

const mostFields = 6; // matched fields that are shown of an event

function Match({ match: { event, title, matches }, several, host, onOpen }: { match: DryRunMatch; several: boolean; host: string; onOpen: () => void }) {
  const { actor, verb, object } = sentence(event);
  return (
    <>
      <div className={css.head}>
        <time dateTime={event.time}>{exactTime(event.time)}</time>
        <span>{short(host, 64)}</span>
        {several && <span>{short(title)}</span>}
        <button type="button" className={css.version} onClick={onOpen} aria-label={`Open the event of ${exactTime(event.time)}`}>
          Open
        </button>
      </div>
      <p className={css.story}>
        <b>{short(actor)}</b> {verb} <HostText text={object} mono foldAt={240} />
      </p>
      <dl className={css.fields}>
        {matches.slice(0, mostFields).map((m, i) => (
          <div key={i}>
            <dt>{visible(m.field) || 'any text'}</dt>
            <dd>
              <HostText text={m.value} marks={matchRanges(m.value, m.condition)} mono foldAt={200} /> <span className={css.condition}>{short(m.condition, 200)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

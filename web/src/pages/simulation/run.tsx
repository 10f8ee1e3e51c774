import { CloseButton, Progress, Skeleton } from '@mantine/core';
import { IconCircleCheck, IconCircleDashed, IconCircleMinus, IconCircleX, IconLoader2 } from '@tabler/icons-react';
import { Link } from 'react-router';
import type { Host, Scenario, SimulationPart } from '../../api/model';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { fold, visible } from '../../text/safe';
import { useSimulation } from './data';
import css from './simulation.module.css';
import { type Tone, partState, runState, toAlert, underWay } from './words';

const icons: Record<Tone, typeof IconCircleX> = { waiting: IconCircleDashed, busy: IconLoader2, good: IconCircleCheck, bad: IconCircleX, none: IconCircleMinus };

/** State shows a state by word, shape and colour. */
export function State({ state: [words, tone] }: { state: readonly [string, Tone] }) {
  const Icon = icons[tone];
  return (
    <span className={css.state} data-tone={tone}>
      <Icon size={15} stroke={1.8} aria-hidden /> {visible(fold(words, 64))}
    </span>
  );
}

interface Props {
  uid: string;
  scenarios: readonly Scenario[];
  hosts: readonly Host[];
  onClose: () => void;
}

/** Run shows how a simulation goes: each scenario with what came of it and the alert that it raised. */
export function Run({ uid, scenarios, hosts, onClose }: Props) {
  const run = useSimulation(uid);
  const data = run.data;
  const host = hosts.find((h) => h.uid === data?.host);
  const over = data?.parts.filter((p) => !['waiting', 'running'].includes(p.state)).length ?? 0;
  const alerts = data?.parts.filter((p) => p.alert).length ?? 0;
  return (
    <Panel title="This simulation" flush aside={<CloseButton size="sm" aria-label="Close this simulation" onClick={onClose} />}>
      {run.isPending && <Skeleton height={120} m={16} width="auto" />}
      {run.isError && !data && <ErrorState error={run.error} retry={() => void run.refetch()} />}
      {data && (
        <>
          <div className={css.runHead}>
            <State state={runState(data)} />
            <span>
              on <Link to={`/hosts/${data.host}`}>{visible(fold(host?.name || data.host, 64))}</Link>, <TimeAgo time={data.created_time} plain /> by {visible(fold(data.created_by, 64))}
            </span>
            {data.detail && (
              <span className={css.detail}>
                <HostText text={data.detail} foldAt={300} />
              </span>
            )}
            {underWay(data) && <Progress size="sm" value={data.parts.length ? (100 * over) / data.parts.length : 0} aria-label="Scenarios played" className={css.progress ?? ''} />}
            <span className="hf-hidden" role="status">
              {over} of {data.parts.length} scenarios played, {alerts} alerts raised
            </span>
          </div>
          <ul className={css.parts}>
            {data.parts.map((p) => (
              <Part key={p.subject} part={p} title={scenarios.find((s) => s.name === p.subject)?.title ?? p.subject} over={!underWay(data)} />
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function Part({ part, title, over }: { part: SimulationPart; title: string; over: boolean }) {
  const seconds = toAlert(part);
  return (
    <li className={css.part}>
      <span className={css.partTitle}>
        {visible(title.charAt(0).toUpperCase() + title.slice(1))} <code>{visible(fold(part.subject, 64))}</code>
      </span>
      <State state={partState(part)} />
      <span className={css.outcome}>
        {part.alert ? (
          <Link to={`/alerts/${part.alert}`}>Open the alert</Link>
        ) : (
          part.state === 'done' && <span className={css.muted}>{over ? 'no alert of its own: it may have joined an earlier one' : 'waiting for the alert'}</span>
        )}
        {seconds && <span className={css.muted} title="From the deed to the alert, as measured on the host">{`detected after ${seconds} s`}</span>}
        {!seconds && part.detail && part.state !== 'running' && (
          <span className={css.detail}>
            <HostText text={part.detail} foldAt={240} />
          </span>
        )}
      </span>
    </li>
  );
}

import { IconAlertTriangle, IconCircleCheck, IconCircleDashed, IconCircleX, IconPower } from '@tabler/icons-react';
import type { Feature, Host } from '../../api/model';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import { EmptyState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { advice, featureOrder, featureWords } from '../../text/features';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './host.module.css';

const icons: Record<string, typeof IconPower> = { running: IconCircleCheck, degraded: IconAlertTriangle, failed: IconCircleX, off: IconPower };

/** Features lists how each feature of the agent is, what is wrong with it and what to do. */
export function Features({ host }: { host: Host }) {
  const all = [...(host.heartbeat?.features ?? [])].sort((a, b) => featureOrder(a.state) - featureOrder(b.state) || a.name.localeCompare(b.name));
  return (
    <Panel title="Features" hint="as the agent last said" flush>
      {all.length === 0 && <EmptyState title="Nothing known yet" text="The agent tells of its features with its first heartbeat." />}
      <ul className={css.features}>
        {all.map((f, i) => (
          <Item key={`${f.name}-${i}`} feature={f} />
        ))}
      </ul>
    </Panel>
  );
}

function Item({ feature: f }: { feature: Feature }) {
  const Icon = icons[f.state] ?? IconCircleDashed;
  const lost = (f.counters ?? []).filter((c) => c.dropped && c.value > 0);
  const hint = advice(f);
  return (
    <li data-state={f.state}>
      <div className={css.feature}>
        <Icon size={16} stroke={1.8} aria-hidden />
        <b>{visible(fold(f.name, 64))}</b>
        <span className={css.state}>{visible(fold(f.state, 32))}</span>
        <span className={css.does}>{featureWords(f.name)}</span>
        <span className={css.since}>
          <TimeAgo time={f.since} plain />
        </span>
      </div>
      {f.detail && f.detail !== 'connected' && f.state !== 'running' && !(f.warnings ?? []).some((w) => w.text.startsWith(f.detail ?? '')) && (
        <p className={css.detail}>
          <HostText text={f.detail} foldAt={300} />
        </p>
      )}
      {(f.warnings ?? []).map((w, i) => (
        <p key={i} className={css.warning}>
          <IconAlertTriangle size={14} aria-hidden /> <span><HostText text={w.text} foldAt={400} /> <code>{visible(fold(w.code, 64))}</code></span>
        </p>
      ))}
      {lost.length > 0 && <p className={css.detail}>Lost: {lost.map((c) => `${exact(c.value)} ${visible(fold(c.name.replaceAll('_', ' '), 64))}`).join(', ')}</p>}
      {hint && <p className={css.advice}>{hint}</p>}
    </li>
  );
}

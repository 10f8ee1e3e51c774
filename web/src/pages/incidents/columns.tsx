import { Link } from 'react-router';
import type { IncidentSummary } from '../../api/model';
import { SeverityBadge, StatusBadge, verdictNames } from '../../components/badges';
import type { Column } from '../../components/datatable';
import { TimeAgo } from '../../components/timeago';
import { tacticLabel } from '../../text/attack';
import { hostsText } from '../../text/incidents';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { span } from '../../text/time';
import css from './incidents.module.css';

/** lasting says how long an incident has been going on; "" for a moment. */
function lasting({ time, last_time }: IncidentSummary): string {
  const ms = Date.parse(last_time) - Date.parse(time);
  return ms >= 1000 ? ` within ${span(ms)}` : '';
}

function Story({ incident: i }: { incident: IncidentSummary }) {
  const chain = i.tactics.map((t) => tacticLabel(visible(fold(t, 40)))).join(' → ');
  return (
    <>
      <Link to={`/incidents/${i.uid}`} className={css.name}>
        {visible(fold(i.title, 300))}
      </Link>
      <span className={css.story} title={chain}>
        <span className={css.meta}>
          {hostsText(i.hosts, i.host_names, 1)}, <TimeAgo time={i.last_time} plain />:{' '}
        </span>
        {plural(i.lines, 'step')}
        {lasting(i)}
        {chain && `: ${chain}`}
      </span>
    </>
  );
}

/** columns are those of the list of incidents. */
export const columns: readonly Column<IncidentSummary>[] = [
  { key: 'severity', title: 'Severity', width: '92px', narrow: '30px', orders: ['-severity'], render: (i) => <span className={css.badge}><SeverityBadge severity={i.severity} short /></span> },
  { key: 'title', title: 'Incident', width: 'minmax(0, 1fr)', render: (i) => <Story incident={i} /> },
  { key: 'hosts', title: 'Hosts', width: 'minmax(100px, 190px)', from: 'medium', render: (i) => <span title={hostsText(i.hosts, i.host_names, 20)}>{hostsText(i.hosts, i.host_names, 2)}</span> },
  { key: 'count', title: 'Signals', width: '66px', align: 'right', from: 'medium', render: (i) => exact(i.count) },
  { key: 'score', title: 'Score', width: '62px', align: 'right', from: 'wide', orders: ['-score'], render: (i) => i.score.toFixed(1) },
  {
    key: 'status', title: 'Status', width: '124px', from: 'medium',
    render: (i) => (
      <>
        <StatusBadge status={i.status} />
        {i.verdict && <span className={css.story}>{verdictNames[i.verdict]}</span>}
      </>
    ),
  },
  { key: 'assignee', title: 'Assignee', width: '110px', from: 'wide', render: (i) => i.assignee || <span className={css.story}>nobody</span> },
  { key: 'time', title: 'Last signal', width: '104px', from: 'medium', orders: ['-last_time', 'last_time'], render: (i) => <TimeAgo time={i.last_time} plain /> },
];

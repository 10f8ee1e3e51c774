import { Link } from 'react-router';
import type { AlertSummary } from '../../api/model';
import { SeverityBadge, StatusBadge } from '../../components/badges';
import type { Column } from '../../components/datatable';
import { TimeAgo } from '../../components/timeago';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './alerts.module.css';

const short = (text: string) => visible(fold(text, 300));

/** columns are those of the list of alerts. */
export const columns: readonly Column<AlertSummary>[] = [
  { key: 'severity', title: 'Severity', width: '92px', narrow: '30px', orders: ['-severity', 'severity'], render: (a) => <span className={css.badge}><SeverityBadge severity={a.severity} short /></span> },
  {
    key: 'title',
    title: 'Alert',
    width: 'minmax(0, 1fr)',
    render: (a) => (
      <>
        <Link to={`/alerts/${a.uid}`} className={css.name}>
          {visible(a.title)}
        </Link>
        <span className={css.story} title={short(a.description)}>
          <span className={css.meta}>
            {short(a.host_name)}, <TimeAgo time={a.last_time} plain />:{' '}
          </span>
          {short(a.description)}
        </span>
      </>
    ),
  },
  {
    key: 'host',
    title: 'Host',
    width: 'minmax(90px, 150px)',
    from: 'medium',
    render: (a) => <Link to={`/hosts/${a.host}`}>{short(a.host_name || a.host)}</Link>,
  },
  { key: 'count', title: 'Count', width: '62px', align: 'right', from: 'medium', orders: ['-count', 'count'], render: (a) => exact(a.count) },
  { key: 'status', title: 'Status', width: '124px', from: 'medium', render: (a) => <StatusBadge status={a.status} /> },
  { key: 'assignee', title: 'Assignee', width: '110px', from: 'wide', render: (a) => a.assignee || <span className={css.story}>nobody</span> },
  { key: 'time', title: 'Last seen', width: '96px', from: 'medium', orders: ['-last_time', 'last_time'], render: (a) => <TimeAgo time={a.last_time} plain /> },
];

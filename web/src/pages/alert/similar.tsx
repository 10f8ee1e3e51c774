import { Link } from 'react-router';
import { SeverityBadge, StatusBadge } from '../../components/badges';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { fold, visible } from '../../text/safe';
import css from './alert.module.css';
import { useSimilar } from './data';

/** Similar are alerts of the same type or rule: is it one host or all, has it been judged before? */
export function Similar({ uid }: { uid: string }) {
  const similar = useSimilar(uid);
  return (
    <Panel title="Similar alerts" flush>
      {similar.isError && <ErrorState error={similar.error} retry={() => void similar.refetch()} />}
      {similar.data?.items.length === 0 && <p className={css.note}>This is the only one of its type and rule.</p>}
      <ul className={css.similar}>
        {similar.data?.items.map((a) => (
          <li key={a.uid}>
            <Link to={`/alerts/${a.uid}`}>{visible(fold(a.description || a.title, 160))}</Link>
            <span className={css.similarFacts}>
              <SeverityBadge severity={a.severity} short />
              <StatusBadge status={a.status} />
              <span>{visible(fold(a.host_name, 64))}</span>
              <TimeAgo time={a.last_time} plain />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

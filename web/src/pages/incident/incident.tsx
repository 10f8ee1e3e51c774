import { Skeleton } from '@mantine/core';
import { IconChevronLeft } from '@tabler/icons-react';
import { Link, useParams } from 'react-router';
import { ApiError } from '../../api/errors';
import type { Incident } from '../../api/model';
import { SeverityBadge, verdictNames } from '../../components/badges';
import { CopyButton } from '../../components/copy';
import { Discussion } from '../../components/discussion';
import { HostText } from '../../components/hosttext';
import { KeyValue } from '../../components/keyvalue';
import { Page, Panel } from '../../components/page';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import type { Following } from '../../text/incidents';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { exactTime, span } from '../../text/time';
import { Remediation } from '../alert/remediation';
import { useFollowed, useIncidentComment, useIncidentComments } from './data';
import { Entities } from './entities';
import { Graph } from './graph';
import css from './incident.module.css';
import { Story } from './story';
import { Strip } from './strip';
import { IncidentTriage } from './triage';

/** Component is the page of one incident: the story of what belongs together, why it does, and what to do. */
export function Component() {
  const { uid = '' } = useParams();
  const { incident, moved } = useFollowed(uid);
  if (incident.data) return <Loaded incident={incident.data} moved={moved} />;
  return (
    <Page title="Incident">
      {incident.isPending && <Skeleton height={420} />}
      {incident.isError &&
        (incident.error instanceof ApiError && incident.error.status === 404 ? (
          <EmptyState
            title="There is no such incident"
            text={
              <>
                It may have been removed by retention, or the address is mistyped. <Link to="/incidents">All incidents</Link>
              </>
            }
          />
        ) : (
          <ErrorState error={incident.error} retry={() => void incident.refetch()} />
        ))}
    </Page>
  );
}

// What is typed stays when the incident becomes part of another; what is about
// its lines begins anew.
function Loaded({ incident, moved }: { incident: Incident; moved: Following['moved'] }) {
  const comments = useIncidentComments(incident.uid);
  const say = useIncidentComment(incident.uid);
  return (
    <Page
      title={visible(fold(incident.title, 120))}
      heading={<Heading incident={incident} />}
      actions={<CopyButton text={() => JSON.stringify(incident, null, 2)} label="Copy the whole incident as JSON" words="Copy as JSON" />}
    >
      <div role="status">
        {moved !== 'never' && (
          <p className={css.alias}>
            {moved === 'before' ? 'The incident that you asked for became part of this one.' : 'While you looked at it, the incident became part of another. This is that one.'}{' '}
            <Link to={`/incidents/${incident.uid}`} replace>The address of this one</Link>
          </p>
        )}
      </div>
      <IncidentTriage incident={incident} />
      <Strip incident={incident} />
      <div className={css.grid}>
        <div className={css.main} key={incident.uid}>
          {incident.story.length > 1 && <Graph incident={incident} />}
          <Story incident={incident} />
          <Entities incident={incident} />
        </div>
        <div className={css.side}>
          <Remediation of={incident} />
          <Gaps missing={incident.missing_links} />
          <Related incident={incident} />
          <About incident={incident} />
          <Discussion comments={comments} say={say} />
        </div>
      </div>
    </Page>
  );
}

function Heading({ incident: i }: { incident: Incident }) {
  const lasted = Date.parse(i.last_time) - Date.parse(i.time);
  return (
    <div className={css.heading}>
      <Link to="/incidents?status=open,acknowledged" className={css.back}>
        <IconChevronLeft size={14} aria-hidden /> Incidents
      </Link>
      <h1 className={css.title}>{visible(fold(i.title, 200))}</h1>
      <div className={css.facts}>
        <SeverityBadge severity={i.severity} />
        {i.verdict && <span>judged: {verdictNames[i.verdict].toLowerCase()}</span>}
        <span>{plural(i.count, 'signal')}</span>
        <span className={css.row}>
          on
          {i.hosts.slice(0, 6).map((h) => (
            <Link key={h} to={`/hosts/${h}`}>
              {visible(fold((Object.hasOwn(i.host_names, h) && i.host_names[h]) || h, 64))}
            </Link>
          ))}
          {i.hosts.length > 6 && `and ${plural(i.hosts.length - 6, 'more host')}`}
        </span>
        <span>
          last <TimeAgo time={i.last_time} />
          {lasted >= 1000 && `, over ${span(lasted)}`}
        </span>
      </div>
    </div>
  );
}

/** Gaps are what the evidence does not show. */
function Gaps({ missing }: { missing: readonly string[] }) {
  if (missing.length === 0) return null;
  return (
    <Panel title="What the evidence does not show">
      <ul className={css.gaps}>
        {missing.map((m, i) => (
          <li key={i}>
            <HostText text={m} foldAt={600} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** Related are incidents that evidence points at as well, and why they were kept apart. */
function Related({ incident: { related } }: { incident: Incident }) {
  if (related.length === 0) return null;
  return (
    <Panel title="Related incidents, kept apart">
      <ul className={css.gaps}>
        {related.map((r) => (
          <li key={r.uid}>
            <Link to={`/incidents/${r.uid}`}>Incident {visible(fold(r.uid, 12))}</Link>: <HostText text={r.reason} foldAt={400} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function About({ incident: i }: { incident: Incident }) {
  return (
    <Panel title="About this incident">
      <KeyValue
        items={[
          ['Score', <span key="score" title="Of its best chain of tactics, each step weighed by how rare its rule is on that host. It compares incidents.">{i.score.toFixed(2)}</span>],
          ['First signal', exactTime(i.time)],
          ['Last signal', exactTime(i.last_time)],
          ['Signals', exact(i.count)],
          ['Changed', exactTime(i.updated_time)],
          ['Took in', i.aliases.length > 0 && plural(i.aliases.length, 'other incident')],
          ['Incident id', <span key="id"><code className={css.id}>{i.uid}</code> <CopyButton text={i.uid} label="Copy incident id" /></span>],
        ]}
      />
    </Panel>
  );
}

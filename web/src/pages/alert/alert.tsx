import { Skeleton } from '@mantine/core';
import { IconChevronLeft, IconEyeOff } from '@tabler/icons-react';
import { useMemo } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { ApiError } from '../../api/errors';
import type { Alert } from '../../api/model';
import { SeverityBadge } from '../../components/badges';
import { CopyButton } from '../../components/copy';
import { Discussion } from '../../components/discussion';
import { HostText } from '../../components/hosttext';
import { Page, Panel } from '../../components/page';
import { ProcessTree } from '../../components/processtree';
import { RoleButton } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { TriageBar } from '../../components/triagebar';
import { matchRanges, merged } from '../../text/matches';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { About } from './about';
import css from './alert.module.css';
import { Belongs } from './belongs';
import { useAlert, useChange, useComment, useComments } from './data';
import { Evidence } from './evidence';
import { Remediation } from './remediation';
import { Similar } from './similar';
import { Timeline } from './timeline';
import { Why } from './why';

/** Component is the page of one alert: what happened, why it fired, who did it, what to do. */
export function Component() {
  const { uid = '' } = useParams();
  const alert = useAlert(uid);
  if (alert.data) return <Loaded key={uid} alert={alert.data} />;
  return (
    <Page title="Alert">
      {alert.isPending && <Skeleton height={420} />}
      {alert.isError &&
        (alert.error instanceof ApiError && alert.error.status === 404 ? (
          <EmptyState
            title="There is no such alert"
            text={
              <>
                It may have been removed by retention, or the address is mistyped. <Link to="/alerts">All alerts</Link>
              </>
            }
          />
        ) : (
          <ErrorState error={alert.error} retry={() => void alert.refetch()} />
        ))}
    </Page>
  );
}

function Loaded({ alert }: { alert: Alert }) {
  const change = useChange(alert);
  const comments = useComments(alert.uid);
  const say = useComment(alert.uid);
  const navigate = useNavigate();
  const marks = useMemo(() => {
    const command = alert.process?.cmd_line ?? '';
    return merged(alert.matches.filter((m) => m.field === 'CommandLine' && m.value === command).flatMap((m) => matchRanges(command, m.condition)));
  }, [alert]);
  return (
    <Page
      title={visible(fold(alert.title, 120))}
      heading={<Heading alert={alert} />}
      actions={
        <>
          <RoleButton role="approver" variant="default" leftSection={<IconEyeOff size={15} aria-hidden />} onClick={() => void navigate(`/exceptions/new?alert=${encodeURIComponent(alert.uid)}`)}>
            Make an exception
          </RoleButton>
          <CopyButton text={() => JSON.stringify(alert, null, 2)} label="Copy the whole alert as JSON" words="Copy as JSON" />
        </>
      }
    >
      <TriageBar of={alert} noun="alerts" by={{ name: alert.triage_by, time: alert.triage_time }} change={change} />
      <Belongs alert={alert} />
      <div className={css.grid}>
        <div className={css.main}>
          <Panel title="What happened">
            <p className={css.story}>
              <HostText text={alert.description} foldAt={500} />
            </p>
            {alert.count > 1 && (
              <p className={css.repeats}>
                {exact(alert.count)} times, first <TimeAgo time={alert.time} />, last <TimeAgo time={alert.last_time} />.
              </p>
            )}
          </Panel>
          <Why alert={alert} />
          {alert.process && (
            <Panel title="Process lineage" hint="from the first process of the host to the one that acted">
              <ProcessTree process={alert.process} marks={marks} />
            </Panel>
          )}
          <Evidence alert={alert} />
          <Timeline alert={alert} />
        </div>
        <div className={css.side}>
          <Remediation of={alert} />
          <About alert={alert} />
          <Similar uid={alert.uid} />
          <Discussion comments={comments} say={say} />
        </div>
      </div>
    </Page>
  );
}

function Heading({ alert }: { alert: Alert }) {
  return (
    <div className={css.heading}>
      <Link to="/alerts?status=open,acknowledged" className={css.back}>
        <IconChevronLeft size={14} aria-hidden /> Alerts
      </Link>
      <h1 className={css.title}>{visible(fold(alert.title, 200))}</h1>
      <div className={css.facts}>
        <SeverityBadge severity={alert.severity} />
        <span>
          on <Link to={`/hosts/${alert.host}`}>{visible(fold(alert.host_name || alert.host || '', 80))}</Link>
        </span>
        <span>
          <TimeAgo time={alert.last_time} />
        </span>
        {alert.count > 1 && <span>{exact(alert.count)} times</span>}
        <code className={css.type}>{visible(alert.alert_type)}</code>
      </div>
    </div>
  );
}

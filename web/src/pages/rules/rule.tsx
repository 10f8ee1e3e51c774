import { Button, Skeleton } from '@mantine/core';
import { IconChevronLeft, IconCopyPlus, IconPencil, IconShieldExclamation } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { client, must } from '../../api/client';
import { ApiError } from '../../api/errors';
import { keys } from '../../api/keys';
import { type RuleDetail, useRule, useRuleExceptions } from '../../api/rules';
import { TacticTags, TechniqueTags } from '../../components/attack';
import { SeverityBadge, StatusBadge } from '../../components/badges';
import { CodeBox, type CodeHandle } from '../../components/codebox';
import { CopyButton } from '../../components/copy';
import { KeyValue } from '../../components/keyvalue';
import { Page, Panel } from '../../components/page';
import { RoleButton } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './rules.module.css';
import { StateMark, docAddress, sourceNames } from './words';

/** Component is the page of one rule: what it means, how it can be wrong, how it is written, what it raised. */
export function Component() {
  const { uid = '' } = useParams();
  const rule = useRule(uid);
  if (rule.data) return <RulePage rule={rule.data} />;
  const gone = rule.error instanceof ApiError && rule.error.status === 404;
  return (
    <Page title="Rule">
      {rule.isPending && <Skeleton height={320} />}
      {gone && <EmptyState title="There is no such rule" text="It may have been removed, or is a draft: those are among the documents." action={<Link to="/rules">All rules</Link>} />}
      {rule.isError && !gone && <ErrorState error={rule.error} retry={() => void rule.refetch()} />}
    </Page>
  );
}

function RulePage({ rule }: { rule: RuleDetail }) {
  const title = visible(fold(rule.title, 200));
  return (
    <Page
      title={title}
      heading={
        <div className={css.heading}>
          <Link to="/rules" className={css.back}>
            <IconChevronLeft size={15} aria-hidden /> Rules
          </Link>
          <h1 className={css.title}>{title}</h1>
          <SeverityBadge severity={rule.severity} />
          <StateMark state={rule.state} />
        </div>
      }
      actions={<Actions rule={rule} />}
    >
      <div className={css.grid}>
        <div className={css.stack}>
          <Meaning rule={rule} />
          <Text rule={rule} />
        </div>
        <div className={css.stack}>
          <Facts rule={rule} />
          <Alerts rule={rule} />
          <Exceptions rule={rule} />
        </div>
      </div>
    </Page>
  );
}

function Actions({ rule }: { rule: RuleDetail }) {
  const navigate = useNavigate();
  if (rule.doc !== '') {
    return (
      <Button component={Link} to={docAddress(rule.doc)} variant="default" leftSection={<IconPencil size={15} aria-hidden />}>
        Open its document
      </Button>
    );
  }
  return (
    <RoleButton role="approver" variant="default" leftSection={<IconCopyPlus size={15} aria-hidden />} onClick={() => void navigate(`/rules/document/edit?from=${encodeURIComponent(rule.uid)}`)}>
      Copy into a document
    </RoleButton>
  );
}

function Meaning({ rule }: { rule: RuleDetail }) {
  return (
    <Panel title="What it means">
      <p className={css.meaning}>{visible(fold(rule.description.trim(), 4000)) || 'The rule does not say.'}</p>
      {rule.false_positives.length > 0 && (
        <>
          <h3 className={css.sub}>How it can be wrong</h3>
          <ul className={css.points}>
            {rule.false_positives.slice(0, 50).map((f, i) => (
              <li key={i}>{visible(fold(f, 500))}</li>
            ))}
          </ul>
        </>
      )}
      {rule.references.length > 0 && (
        <>
          <h3 className={css.sub}>References</h3>
          <ul className={css.points}>
            {rule.references.slice(0, 50).map((r, i) => (
              <li key={i}>
                <Reference text={r} />
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

/** Reference is a link where a rule gives one that leads to the web, as a whole, so that it is seen whereto. */
function Reference({ text }: { text: string }) {
  const shown = visible(fold(text, 500));
  if (!/^https?:\/\/[^\s]+$/.test(text) || shown !== text) return <>{shown}</>;
  return (
    <a href={text} target="_blank" rel="noreferrer noopener">
      {shown}
    </a>
  );
}

const kinds = { detection: 'matches single events', correlation: 'joins what other rules match', filter: 'narrows other rules' } as const;

function Facts({ rule }: { rule: RuleDetail }) {
  return (
    <Panel title="About this rule">
      <KeyValue
        items={[
          ['Tactics', rule.tactics.length > 0 && <TacticTags key="tactics" tactics={rule.tactics} page="/rules" of="rules" />],
          ['Techniques', rule.techniques.length > 0 && <TechniqueTags key="techniques" techniques={rule.techniques} />],
          ['Alert type', rule.alert_type && <code>{visible(fold(rule.alert_type, 200))}</code>],
          ['Events', rule.logsource && <code>{visible(fold(rule.logsource, 200))}</code>],
          ['Kind', kinds[rule.kind]],
          ['Level', rule.level && rule.level !== rule.severity && `${visible(fold(rule.level, 64))}, as the rule says it`],
          ['Source', sourceNames[rule.source] ?? visible(rule.source)],
          ['Read from', rule.path && <code>{visible(fold(rule.path, 300))}</code>],
          ['Tested with', rule.samples > 0 && plural(rule.samples, 'recorded attack')],
          ['Author', visible(fold(rule.author, 200))],
          ['Id', <span key="id"><code>{visible(fold(rule.uid, 200))}</code> <CopyButton text={rule.uid} label="Copy rule id" /></span>],
        ]}
      />
    </Panel>
  );
}

/** Text is the file as written, with the rule in sight where it holds several. */
function Text({ rule }: { rule: RuleDetail }) {
  const box = useRef<CodeHandle>(null);
  useEffect(() => {
    if (rule.line > 1) box.current?.show(rule.line);
  }, [rule.line]);
  const lines = rule.text.split('\n').length;
  return (
    <Panel title="As written" hint={rule.line > 1 ? `begins in line ${exact(rule.line)}` : undefined} aside={<CopyButton text={rule.text} label="Copy the text" words="Copy" />}>
      <CodeBox ref={box} label="The rule as written" value={rule.text} rows={Math.min(Math.max(lines, 6), 34)} />
    </Panel>
  );
}

function Alerts({ rule }: { rule: RuleDetail }) {
  const query = { rule: [rule.uid], order: '-last_time' as const, limit: 5 };
  const alerts = useQuery({ queryKey: keys.alertList({ ...query, of: 'rule' }), queryFn: ({ signal }) => must(client.GET('/alerts', { params: { query }, signal })) });
  return (
    <Panel
      title="Alerts"
      hint={`${exact(rule.alerts_30d)} in 30 days`}
      aside={<Link to={`/alerts?rule=${encodeURIComponent(rule.uid)}`}>All of this rule</Link>}
      flush
    >
      {alerts.isPending && <p className={css.note}>Loading…</p>}
      {alerts.isError && <ErrorState error={alerts.error} retry={() => void alerts.refetch()} />}
      {alerts.data?.items.length === 0 && (
        <p className={css.note}>
          <IconShieldExclamation size={14} aria-hidden /> {rule.state === 'test' ? 'None: rules in test raise no alerts. Their matches are counted with the document.' : 'It has raised none that is still kept.'}
        </p>
      )}
      <ul className={css.rows}>
        {alerts.data?.items.map((a) => (
          <li key={a.uid}>
            <Link to={`/alerts/${a.uid}`}>{visible(fold(a.description || a.title, 160))}</Link>
            <span className={css.facts}>
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

function Exceptions({ rule }: { rule: RuleDetail }) {
  const exceptions = useRuleExceptions(rule.uid);
  return (
    <Panel title="Exceptions" aside={<Link to={`/exceptions?rule=${encodeURIComponent(rule.uid)}`}>All of this rule</Link>} flush>
      {exceptions.isPending && <p className={css.note}>Loading…</p>}
      {exceptions.isError && <ErrorState error={exceptions.error} retry={() => void exceptions.refetch()} />}
      {exceptions.data?.items.length === 0 && <p className={css.note}>None names this rule.</p>}
      <ul className={css.rows}>
        {exceptions.data?.items.slice(0, 5).map((x) => (
          <li key={x.uid}>
            <Link to={`/exceptions?rule=${encodeURIComponent(rule.uid)}`}>{visible(fold(x.name, 128))}</Link>
            <span className={css.facts}>
              <span>{visible(fold(x.reason, 200))}</span>
              <span>hid {plural(x.hits, 'alert')}</span>
              {!x.enabled && <span>switched off</span>}
              {x.expires_time && <span>until <TimeAgo time={x.expires_time} plain /></span>}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

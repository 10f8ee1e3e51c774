import { Button } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useCallback, useMemo, useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { severities } from '../../api/model';
import { type Rule, ruleSources, ruleStates, useRuleList } from '../../api/rules';
import { SeverityBadge, severityNames } from '../../components/badges';
import { type Column, DataTable, type TableHandle } from '../../components/datatable';
import { type Choice, FilterBar } from '../../components/filterbar';
import { useKeys } from '../../components/keyboard';
import { EmptyState, ErrorState } from '../../components/states';
import { tacticLabel, tacticNames, techniquePath } from '../../text/attack';
import { exact, plural } from '../../text/numbers';
import { type RuleFacet, type RuleOrder, type RuleView, narrowedRules, parseRules, shownRules, writeRules } from '../../text/ruleview';
import { fold, visible } from '../../text/safe';
import css from './rules.module.css';
import { StateMark, ruleAddress, sourceNames, stateNames } from './words';

const short = (text: string) => visible(fold(text, 300));

// Files may hold rules without an id; those have no page.
const key = (r: Rule) => r.uid || `${r.path} ${r.title}`;

const columns: readonly Column<Rule>[] = [
  { key: 'severity', title: 'Severity', width: '92px', narrow: '30px', orders: ['-severity', 'severity'], render: (r) => <span className={css.badge}><SeverityBadge severity={r.severity} short /></span> },
  {
    key: 'title',
    title: 'Rule',
    width: 'minmax(0, 1fr)',
    orders: ['title', '-title'],
    render: (r) => (
      <>
        {r.uid ? (
          <Link to={ruleAddress(r.uid)} className={css.name}>
            {short(r.title)}
          </Link>
        ) : (
          <span className={css.name}>{short(r.title)}</span>
        )}
        <span className={css.second} title={short(r.description)}>
          {short(r.description || r.path)}
        </span>
      </>
    ),
  },
  { key: 'tactics', title: 'Tactics', width: '170px', from: 'wide', render: (r) => <span className={css.muted} title={r.techniques.join(', ')}>{r.tactics.map(tacticLabel).join(', ') || 'none'}</span> },
  { key: 'state', title: 'State', width: '88px', from: 'medium', render: (r) => <StateMark state={r.state} /> },
  { key: 'source', title: 'Source', width: '84px', from: 'medium', render: (r) => sourceNames[r.source] ?? r.source },
  { key: 'alerts', title: 'Alerts, 30 days', width: '108px', narrow: '56px', align: 'right', orders: ['-alerts', 'alerts'], render: (r) => <AlertsLink rule={r} /> },
];

/** AlertsLink is how many alerts a rule raised in 30 days; it leads to them. */
export function AlertsLink({ rule }: { rule: Pick<Rule, 'uid' | 'title' | 'alerts_30d'> }) {
  if (rule.alerts_30d === 0 || rule.uid === '') return <span className={css.muted}>{exact(rule.alerts_30d)}</span>;
  return (
    <Link to={`/alerts?rule=${encodeURIComponent(rule.uid)}&since=30d`} aria-label={`${plural(rule.alerts_30d, 'alert')} of ${short(rule.title)}`}>
      {exact(rule.alerts_30d)}
    </Link>
  );
}

const choices = (view: RuleView): Choice[] => [
  { key: 'state', label: 'State', values: view.state, options: ruleStates.filter((s) => s !== 'draft').map((s) => ({ value: s, label: stateNames[s], mark: <StateMark state={s} /> })) },
  { key: 'source', label: 'Source', values: view.source, options: ruleSources.map((s) => ({ value: s, label: sourceNames[s] })) },
  { key: 'severity', label: 'Severity', values: view.severity, options: severities.map((s) => ({ value: s, label: severityNames[s], mark: <SeverityBadge severity={s} /> })) },
  { key: 'tactic', label: 'Tactic', values: view.tactic, options: tacticNames.map((t) => ({ value: t, label: tacticLabel(t) })) },
];

const toggled = (view: RuleView, facet: RuleFacet, value: string): RuleView => ({ ...view, [facet]: view[facet].includes(value) ? view[facet].filter((v) => v !== value) : [...view[facet], value] });

/** RuleList lists the rules that are evaluated. The URL holds what is shown of them. */
export function RuleList() {
  const rules = useRuleList();
  const [search, setSearch] = useSearchParams();
  const navigate = useNavigate();
  const address = search.toString();
  const view = useMemo(() => parseRules(new URLSearchParams(address)), [address]);
  const set = useCallback((next: RuleView) => setSearch(writeRules(next), { replace: true }), [setSearch]);
  const rows = useMemo(() => shownRules(rules.data?.items ?? [], view), [rules.data, view]);
  const [cursor, setCursor] = useState<string | null>(null);
  const table = useRef<TableHandle>(null);
  const box = useRef<HTMLInputElement>(null);
  useKeys({
    j: () => table.current?.move(1),
    ArrowDown: () => table.current?.move(1),
    k: () => table.current?.move(-1),
    ArrowUp: () => table.current?.move(-1),
    '/': () => box.current?.focus(),
  });
  const all = rules.data?.items.length ?? 0;
  const clear = () => set({ ...parseRules(new URLSearchParams()), order: view.order });
  return (
    <div className={css.list}>
      <FilterBar
        searchRef={box}
        text={view.text}
        placeholder="Search title, meaning, path, id, technique"
        onText={(text) => set({ ...view, text })}
        choices={choices(view)}
        onToggle={(facet, value) => set(toggled(view, facet as RuleFacet, value))}
        onClear={narrowedRules(view) ? clear : undefined}
      >
        {view.technique && (
          <Button variant="default" rightSection={<IconX size={13} aria-hidden />} onClick={() => set({ ...view, technique: '' })}>
            Technique {view.technique}
          </Button>
        )}
      </FilterBar>
      <p className={css.count} role="status">
        {rules.data && (rows.length === all ? plural(all, 'rule') : `${exact(rows.length)} of ${plural(all, 'rule')}`)}
      </p>
      {rules.isError && !rules.data ? (
        <ErrorState error={rules.error} retry={() => void rules.refetch()} />
      ) : (
        <DataTable
          ref={table}
          label="Rules"
          columns={columns}
          rows={rows}
          id={key}
          name={(r) => r.title}
          rowHeight={50}
          order={view.order}
          onOrder={(order) => set({ ...view, order: order as RuleOrder })}
          onOpen={(r) => r.uid && void navigate(ruleAddress(r.uid))}
          cursor={cursor}
          onCursor={setCursor}
          loading={rules.isPending}
          empty={
            view.technique !== '' && !narrowedRules({ ...view, technique: '' }) ? (
              <NoneOf technique={view.technique} />
            ) : all > 0 ? (
              <EmptyState title="No rule fits these filters" text="Take one away, or start anew." action={<Button variant="default" onClick={clear}>Clear all filters</Button>} />
            ) : (
              <EmptyState title="No rules" text="The configuration leaves out those that come with Holdfast, and names no others." />
            )
          }
        />
      )}
    </div>
  );
}

/** NoneOf says that a technique has no rule, and what it is. */
function NoneOf({ technique }: { technique: string }) {
  return (
    <EmptyState
      title={`No rule detects ${technique}`}
      text={
        <>
          Read what it is at{' '}
          <a href={`https://attack.mitre.org${techniquePath(technique) ?? ''}`} target="_blank" rel="noreferrer noopener" title="Opens attack.mitre.org in a new tab">
            attack.mitre.org
          </a>
          , and write a rule for how it would look on your hosts.
        </>
      }
      action={<Link to="/rules?tab=coverage">Back to the coverage</Link>}
    />
  );
}

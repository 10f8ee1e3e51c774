import { SegmentedControl, Skeleton, Switch, TextInput } from '@mantine/core';
import { IconBell } from '@tabler/icons-react';
import { useMemo } from 'react';
import { Link, useSearchParams } from 'react-router';
import { useCoverage, useRuleList } from '../../api/rules';
import { type PlainColumn, PlainTable } from '../../components/plaintable';
import { EmptyState, ErrorState } from '../../components/states';
import { tacticID, tacticLabel } from '../../text/attack';
import { type Cell, type Column, type Shown, columns, covered, level } from '../../text/coverage';
import { compact, exact, plural } from '../../text/numbers';
import { visible } from '../../text/safe';
import css from './coverage.module.css';

const onlys = ['all', 'covered', 'uncovered'] as const;

const rulesOf = (c: Cell) => `/rules?technique=${c.technique}`;

/** cellWords are a cell for those who do not see its colour. */
const cellWords = (c: Cell) => `${plural(c.live, 'live rule')}${c.test > 0 ? `, ${c.test} in test` : ''}, ${plural(c.alerts, 'alert')} in 30 days`;

/** Coverage shows which techniques of ATT&CK rules detect, as a matrix or a table. The URL holds how. */
export function Coverage() {
  const coverage = useCoverage();
  const rules = useRuleList();
  const [search, setSearch] = useSearchParams();
  const asked = search.get('show') as Shown['only'];
  const shown: Shown = { subs: search.get('subs') === '1', only: onlys.includes(asked) ? asked : 'all', text: search.get('find') ?? '' };
  const table = search.get('as') === 'table';
  const set = (name: string, value: string) => {
    // The address is ahead of what is drawn while the matrix is.
    const next = new URLSearchParams(window.location.search);
    if (value) next.set(name, value);
    else next.delete(name);
    setSearch(next, { replace: true });
  };
  const { subs, only, text } = shown;
  const matrix = useMemo(() => (coverage.data ? columns(coverage.data, rules.data?.items ?? [], { subs, only, text }) : []), [coverage.data, rules.data, subs, only, text]);
  if (coverage.isError && !coverage.data) return <ErrorState error={coverage.error} retry={() => void coverage.refetch()} />;
  const whole = coverage.data && covered(columns(coverage.data, rules.data?.items ?? [], { subs, only: 'all', text: '' }));
  return (
    <div className={css.coverage}>
      <div className={css.tools}>
        <TextInput type="search" aria-label="Find a technique" placeholder="Find a technique" value={text} onChange={(e) => set('find', e.currentTarget.value.slice(0, 64))} w={190} />
        <SegmentedControl size="xs" aria-label="Which techniques" value={only} onChange={(v) => set('show', v === 'all' ? '' : v)} data={[{ value: 'all', label: 'All' }, { value: 'covered', label: 'With rules' }, { value: 'uncovered', label: 'Without' }]} />
        <SegmentedControl size="xs" aria-label="Shown as" value={table ? 'table' : 'matrix'} onChange={(v) => set('as', v === 'table' ? 'table' : '')} data={[{ value: 'matrix', label: 'Matrix' }, { value: 'table', label: 'Table' }]} />
        <Switch size="xs" label="Sub-techniques" checked={subs} onChange={(e) => set('subs', e.currentTarget.checked ? '1' : '')} />
        {!table && <Legend />}
      </div>
      {whole && (
        <p className={css.sum} role="status">
          Live rules detect {exact(whole.live)} of {plural(whole.all, subs ? 'technique and sub-technique' : 'technique', subs ? 'techniques and sub-techniques' : 'techniques')} of Linux and containers
          {coverage.data?.version && `, as of ATT&CK ${visible(coverage.data.version)}`}. A rule covers what it looks for, not all of a technique.
        </p>
      )}
      {coverage.isPending && <Skeleton height={420} />}
      {coverage.data && matrix.every((c) => c.cells.length === 0) && <EmptyState title="No technique fits" text="Show all of them, or find another." />}
      {table ? <Table matrix={matrix} /> : <Matrix matrix={matrix} whole={only === 'all' && text === ''} />}
    </div>
  );
}

function Legend() {
  return (
    <span className={css.legend}>
      Live rules:
      {['none', '1', '2 to 4', '5 and more'].map((words, i) => (
        <span key={words}>
          <span className={css.swatch} data-level={i} aria-hidden="true" /> {words}
        </span>
      ))}
      <span>
        <IconBell size={12} aria-hidden /> alerts in 30 days
      </span>
    </span>
  );
}

function Matrix({ matrix, whole }: { matrix: readonly Column[]; whole: boolean }) {
  return (
    <div className={css.matrix} role="group" aria-label="ATT&CK matrix" tabIndex={0}>
      {matrix
        .filter((c) => c.cells.length > 0)
        .map(({ tactic, cells }) => (
          <section key={tactic} className={css.column} aria-label={tacticLabel(tactic)}>
            <h2 className={css.tactic}>
              <Link to={`/rules?tactic=${encodeURIComponent(tactic)}`} title={`${tacticID(tactic)}: all rules of this tactic`}>
                {tacticLabel(tactic)}
              </Link>
              <span>{whole ? `${exact(cells.filter((c) => c.live > 0).length)} of ${exact(cells.length)}` : exact(cells.length)}</span>
            </h2>
            <ul className={css.cells}>
              {cells.map((c) => (
                <li key={c.technique}>
                  <MatrixCell cell={c} />
                </li>
              ))}
            </ul>
          </section>
        ))}
    </div>
  );
}

function MatrixCell({ cell: c }: { cell: Cell }) {
  const label = `${c.technique} ${visible(c.name)}: ${cellWords(c)}`;
  return (
    <Link to={rulesOf(c)} className={css.cell} data-level={level(c.live)} data-sub={c.sub || undefined} aria-label={label} title={label}>
      <span className={css.name}>{visible(c.name) || c.technique}</span>
      <span className={css.facts}>
        <span>{c.name !== '' && c.technique}</span>
        <span className={css.numbers}>
          {c.live > 0 ? plural(c.live, 'rule') : c.test > 0 ? `${c.test} in test` : 'no rule'}
          {c.alerts > 0 && (
            <span className={css.alerts}>
              <IconBell size={11} aria-hidden />
              {compact(c.alerts)}
            </span>
          )}
        </span>
      </span>
    </Link>
  );
}

interface Row extends Cell {
  tactic: string;
}

const tableColumns: readonly PlainColumn<Row>[] = [
  { key: 'technique', title: 'Technique', render: (r) => <Link to={rulesOf(r)}>{r.technique} {visible(r.name)}</Link> },
  { key: 'tactic', title: 'Tactic', render: (r) => tacticLabel(r.tactic) },
  { key: 'live', title: 'Live rules', align: 'right', render: (r) => (r.live === 0 ? <b>none</b> : exact(r.live)) },
  { key: 'test', title: 'In test', align: 'right', render: (r) => exact(r.test) },
  { key: 'alerts', title: 'Alerts, 30 days', align: 'right', render: (r) => exact(r.alerts) },
];

function Table({ matrix }: { matrix: readonly Column[] }) {
  const rows = matrix.flatMap(({ tactic, cells }) => cells.map((c) => ({ ...c, tactic })));
  if (rows.length === 0) return null;
  return (
    <div className={css.table}>
      <PlainTable label="ATT&CK coverage" columns={tableColumns} rows={rows} id={(r) => `${r.tactic} ${r.technique}`} />
    </div>
  );
}

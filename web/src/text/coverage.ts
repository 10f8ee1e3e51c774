// Which techniques of ATT&CK have rules, as a matrix shows it.
import type { Rule, RuleCoverage, TechniqueCoverage } from '../api/rules';

/** Cell is a technique in the matrix. */
export interface Cell {
  technique: string;
  name: string;
  /** Rules in force, and rules in test. */
  live: number;
  test: number;
  alerts: number;
  /** It is part of another technique. */
  sub: boolean;
}

/** Column is a tactic with its techniques, each before its sub-techniques. */
export interface Column {
  tactic: string;
  cells: Cell[];
}

/** Shown says which techniques the matrix shows. */
export interface Shown {
  /** Sub-techniques stand for themselves; otherwise they count with the technique that they are part of. */
  subs: boolean;
  only: 'all' | 'covered' | 'uncovered';
  text: string;
}

const parent = (id: string) => id.slice(0, 5);

/** columns makes the matrix. */
export function columns(coverage: RuleCoverage, rules: readonly Rule[], shown: Shown): Column[] {
  const alerts = new Map(rules.map((r) => [r.uid, r.alerts_30d]));
  const text = shown.text.trim().toLowerCase();
  const fits = (c: Cell) =>
    (shown.only === 'all' || (c.live > 0) === (shown.only === 'covered')) && (text === '' || `${c.technique} ${c.name}`.toLowerCase().includes(text));
  return coverage.tactics.map(({ tactic, techniques }) => ({ tactic, cells: (shown.subs ? alone(techniques) : together(techniques, alerts)).filter(fits) }));
}

function alone(techniques: readonly TechniqueCoverage[]): Cell[] {
  return [...techniques]
    .sort((a, b) => a.technique.localeCompare(b.technique))
    .map((t) => ({ technique: t.technique, name: t.name, live: t.live, test: t.test, alerts: t.alerts_30d, sub: t.technique.includes('.') }));
}

// A rule may be of a technique and of its parts: it counts once.
function together(techniques: readonly TechniqueCoverage[], alerts: ReadonlyMap<string, number>): Cell[] {
  const groups = new Map<string, Cell[]>();
  for (const c of alone(techniques)) {
    const id = parent(c.technique);
    groups.set(id, [...(groups.get(id) ?? []), c]);
  }
  const rulesOf = new Map(techniques.map((t) => [t.technique, t]));
  return [...groups].map(([id, cells]) => {
    const own = cells.map((c) => rulesOf.get(c.technique)).filter((t) => t !== undefined);
    const live = new Set(own.flatMap((t) => t.rules.slice(0, t.live)));
    const test = new Set(own.flatMap((t) => t.rules.slice(t.live)));
    return {
      technique: id,
      // Where it has no rule of its own, its parts say what it is about.
      name: cells.find((c) => !c.sub)?.name ?? cells.map((c) => c.name).filter(Boolean).join(', '),
      live: live.size,
      test: test.size,
      alerts: [...live].reduce((n, uid) => n + (alerts.get(uid) ?? 0), 0),
      sub: false,
    };
  });
}

/** level is the shade of a cell: none, one, some or many rules in force. */
export const level = (live: number): 0 | 1 | 2 | 3 => (live === 0 ? 0 : live === 1 ? 1 : live < 5 ? 2 : 3);

/** covered counts the techniques of the matrix, each once, and those with a rule in force. */
export function covered(matrix: readonly Column[]): { all: number; live: number } {
  const all = new Map(matrix.flatMap((c) => c.cells).map((c) => [c.technique, c.live > 0]));
  return { all: all.size, live: [...all.values()].filter(Boolean).length };
}

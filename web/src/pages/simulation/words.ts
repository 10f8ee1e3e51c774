// What a simulation's states mean, and which scenarios belong together.
import type { Rule, Scenario, Simulation, SimulationPart } from '../../api/model';
import { tacticNames } from '../../text/attack';

/** Tone is how a state is shown, beside its words. */
export type Tone = 'waiting' | 'busy' | 'good' | 'bad' | 'none';

const partWords: Record<string, readonly [string, Tone]> = {
  waiting: ['waiting', 'waiting'],
  running: ['being played', 'busy'],
  done: ['passed', 'good'],
  failed: ['failed', 'bad'],
  unsupported: ['could not be played', 'none'],
};

/** partState says how a scenario of a simulation stands. */
export const partState = (p: SimulationPart): readonly [string, Tone] => (Object.hasOwn(partWords, p.state) ? (partWords[p.state] ?? ['', 'none']) : [p.state, 'none']);

const orderWords: Record<string, readonly [string, Tone]> = {
  sent: ['on its way to the host', 'waiting'],
  accepted: ['taken on by the host', 'busy'],
  running: ['being played', 'busy'],
  done: ['done', 'good'],
  failed: ['done, not all passed', 'bad'],
  refused: ['refused by the host', 'bad'],
  unsupported: ['the agent is too old for this', 'bad'],
  expired: ['no answer from the host', 'bad'],
};

/** runState says how a simulation stands. While parts come in it is being played, whatever was last said of the whole. */
export function runState(s: Simulation): readonly [string, Tone] {
  const known = Object.hasOwn(orderWords, s.state) ? orderWords[s.state] : undefined;
  if (['waiting', 'busy'].includes(known?.[1] ?? '') && s.parts.some((p) => p.state !== 'waiting')) return ['being played', 'busy'];
  return known ?? [s.state, 'none'];
}

/** under reports whether more is to be expected of a simulation. */
export const underWay = (s: Simulation): boolean => ['waiting', 'busy'].includes(runState(s)[1]);

/** toAlert reads from what the host said how long the alert took there: "alert VM_X after 0.13 s". */
export const toAlert = (p: SimulationPart): string => /^alert \S+ after (\d+(?:\.\d+)?) s$/.exec(p.detail)?.[1] ?? '';

/** Group is the scenarios of one tactic. */
export interface Group {
  tactic: string;
  scenarios: Scenario[];
}

/** groups sorts scenarios by the tactic of the rules that their alerts come from, in the order of an attack. Rules lie in folders named by tactic. */
export function groups(scenarios: readonly Scenario[], rules: readonly Rule[]): Group[] {
  const tacticOf = new Map<string, string>();
  for (const r of rules) {
    const tactic = r.path.split('/').find((part) => tacticNames.includes(part));
    if (tactic && !tacticOf.has(r.alert_type)) tacticOf.set(r.alert_type, tactic);
  }
  const found = new Map<string, Scenario[]>();
  for (const s of scenarios) {
    const tactic = tacticOf.get(s.alert_type) ?? '';
    found.set(tactic, [...(found.get(tactic) ?? []), s]);
  }
  return [...tacticNames, ''].flatMap((tactic) => (found.has(tactic) ? [{ tactic, scenarios: found.get(tactic) ?? [] }] : []));
}

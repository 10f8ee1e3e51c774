// The ledger of losses as one equation:
//   produced = stored + combined + waiting + dropped (+ unaccounted)
import type { Balance } from '../api/model';

/** Term is one summand of the equation. */
export interface Term {
  key: 'stored' | 'combined' | 'waiting' | 'dropped' | 'unaccounted';
  label: string;
  hint: string;
  value: number;
}

/** Loss is a reason why events were dropped, with their number. */
export interface Loss {
  reason: string;
  words: string;
  value: number;
}

export interface Equation {
  produced: number;
  terms: Term[];
  losses: Loss[];
  /** balanced: every event is accounted for. */
  balanced: boolean;
}

const reasons: Record<string, string> = {
  kernel_lost: 'the kernel had no room for a record',
  queue_full: 'the agent’s queue was full',
  spool_full: 'the agent’s spool had reached its bound',
  spool_failed: 'the agent’s disk refused to write',
  crashed: 'in memory when the agent was killed',
  spool_damaged: 'a record of the spool was damaged',
  oversized: 'an event was too large to send',
  malformed: 'the server could not read a frame',
  sequence_gap: 'a frame never arrived',
  store_failed: 'the server could not store it',
  agent_discarded: 'still in the spool when the agent was unenrolled',
};

/** reasonWords says a reason in words; unknown ones as they are. */
export const reasonWords = (reason: string): string => reasons[reason] ?? reason.replaceAll('_', ' ');

/** equation makes the equation of a balance. The sum is computed here, not believed. */
export function equation(b: Balance): Equation {
  const losses = Object.entries(b.dropped ?? {})
    .filter(([, value]) => value > 0)
    .map(([reason, value]) => ({ reason, words: reasonWords(reason), value }))
    .sort((x, y) => y.value - x.value || x.reason.localeCompare(y.reason));
  const dropped = losses.reduce((n, l) => n + l.value, 0);
  const left = b.produced - b.stored - b.combined - b.waiting - dropped;
  const terms: Term[] = [
    { key: 'stored', label: 'stored', hint: 'in the server’s telemetry', value: b.stored },
    { key: 'combined', label: 'combined', hint: 'several sensors reported the same happening; it was made one event', value: b.combined },
    { key: 'waiting', label: 'waiting', hint: 'on the way: in the agent’s memory and spool, or in the server’s stream', value: b.waiting },
    { key: 'dropped', label: 'dropped', hint: 'lost, each with its reason', value: dropped },
  ];
  if (left !== 0) {
    const hint = left < 0 ? 'more events than anybody produced' : 'nobody can say where these went';
    terms.push({ key: 'unaccounted', label: 'unaccounted', hint, value: left });
  }
  return { produced: b.produced, terms, losses, balanced: left === 0 };
}

// How rules are named and linked on their pages.
import { IconCircleDashed, IconCircleDotFilled, IconFlask } from '@tabler/icons-react';
import type { RuleSource, RuleState } from '../../api/rules';
import css from './rules.module.css';

/** sourceNames say where a rule comes from. */
export const sourceNames: Record<RuleSource, string> = { 'built-in': 'Built in', files: 'Files', console: 'Console' };

/** stateNames are the states of rules for people. */
export const stateNames: Record<RuleState, string> = { draft: 'Draft', test: 'In test', live: 'Live' };

/** stateWords say what a state means. */
export const stateWords: Record<RuleState, string> = {
  draft: 'Kept here, and not used.',
  test: 'Evaluated as events come in; matches are counted and raise no alert.',
  live: 'In force: matches raise alerts.',
};

const icons = { draft: IconCircleDashed, test: IconFlask, live: IconCircleDotFilled };

/** StateMark shows a state by word, shape and colour. */
export function StateMark({ state }: { state: RuleState }) {
  const Icon = icons[state] ?? IconCircleDashed;
  return (
    <span className={css.state} data-state={state} title={stateWords[state]}>
      <Icon size={14} stroke={1.8} aria-hidden />
      {stateNames[state] ?? state}
    </span>
  );
}

/** ruleAddress is the page of a rule. */
export const ruleAddress = (uid: string): string => `/rules/${encodeURIComponent(uid)}`;

/** docAddress is the page of a rule document. */
export const docAddress = (name: string): string => `/rules/document/edit?name=${encodeURIComponent(name)}`;

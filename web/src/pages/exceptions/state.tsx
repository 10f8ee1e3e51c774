import { IconCircleCheck, IconClockOff, IconPlayerPause } from '@tabler/icons-react';
import type { ExceptionState } from '../../text/exceptions';
import css from './exceptions.module.css';

export const stateNames: Record<ExceptionState, string> = { active: 'Active', expired: 'Expired', disabled: 'Disabled' };

const icons = { active: IconCircleCheck, expired: IconClockOff, disabled: IconPlayerPause };

/** StateBadge shows whether an exception hides anything now. */
export function StateBadge({ state }: { state: ExceptionState }) {
  const Icon = icons[state];
  return (
    <span className={css.state} data-state={state}>
      <Icon size={15} stroke={1.8} aria-hidden />
      {stateNames[state]}
    </span>
  );
}

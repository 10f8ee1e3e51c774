import { IconAlertTriangle, IconBan, IconCircleCheck, IconCircleDashed, IconPlugConnectedX } from '@tabler/icons-react';
import type { Health } from '../text/health';
import css from './healthbadge.module.css';

const icons = { healthy: IconCircleCheck, degraded: IconAlertTriangle, silent: IconPlugConnectedX, 'never seen': IconCircleDashed, revoked: IconBan };
/** healthNames are the states of health for people. */
export const healthNames: Record<Health, string> = { healthy: 'Healthy', degraded: 'Degraded', silent: 'Silent', 'never seen': 'Never seen', revoked: 'Revoked' };

/** HealthBadge shows how a host is, by word, shape and colour. */
export function HealthBadge({ health }: { health: Health }) {
  const Icon = icons[health];
  return (
    <span className={css.health} data-health={health}>
      <Icon size={15} stroke={1.8} aria-hidden />
      {healthNames[health]}
    </span>
  );
}

// How a host is, from its latest heartbeat.
import type { Feature, Host } from '../api/model';
import { isZero, span } from './time';

export type Health = 'healthy' | 'degraded' | 'silent' | 'never seen' | 'revoked';

/** silence is how long a host may be quiet before it counts as silent; the server counts alike. */
const silence = 3 * 60_000;

/** HealthReport is a host's health and, where it is not well, why. */
export interface HealthReport {
  health: Health;
  why: string;
}

/** healthOf judges a host at the given time. Details come from the host and are hostile. */
export function healthOf(host: Host, now: number): HealthReport {
  if (host.state === 'revoked') return { health: 'revoked', why: 'its credential is refused' };
  if (isZero(host.last_seen_time)) return { health: 'never seen', why: 'enrolled, and no heartbeat yet' };
  const quiet = now - Date.parse(host.last_seen_time);
  if (quiet > silence) return { health: 'silent', why: `no heartbeat for ${span(quiet)}` };
  const bad = (host.heartbeat?.features ?? []).filter((f) => f.state === 'failed' || f.state === 'degraded');
  if (bad.length === 0) return { health: 'healthy', why: '' };
  return { health: 'degraded', why: bad.map(reason).join('; ') };
}

// A warning says more than the state that a feature gives itself.
function reason(f: Feature): string {
  const text = (f.warnings?.[0]?.text || f.detail)?.replace(/\.$/, '');
  return `${f.name} ${f.state}${text ? `: ${text}` : ''}`;
}

/** healthOrder puts what needs a look first. */
export const healthOrder: readonly Health[] = ['silent', 'degraded', 'never seen', 'healthy', 'revoked'];

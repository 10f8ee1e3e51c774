import { expect, it } from 'vitest';
import type { Host } from '../api/model';
import { healthOf } from './health';

const now = Date.parse('2026-11-23T12:00:00Z');
const host = (over: Partial<Host>, features: { name: string; state: string; detail?: string }[] = []) =>
  ({ state: 'active', last_seen_time: '2026-11-23T11:59:50Z', heartbeat: { features }, ...over }) as Host;

it.each([
  ['a host that is well', host({}, [{ name: 'audit', state: 'running' }, { name: 'fim', state: 'off' }]), 'healthy', ''],
  ['a failed feature', host({}, [{ name: 'audit', state: 'failed', detail: 'no permission' }]), 'degraded', 'audit failed: no permission'],
  ['a silent host', host({ last_seen_time: '2026-11-23T11:00:00Z' }), 'silent', 'no heartbeat for 1 h'],
  ['a host that never spoke', host({ last_seen_time: '0001-01-01T00:00:00Z' }), 'never seen', 'enrolled, and no heartbeat yet'],
  ['a revoked host', host({ state: 'revoked' }), 'revoked', 'its credential is refused'],
])('judges %s', (_, h, health, why) => expect(healthOf(h, now)).toEqual({ health, why }));

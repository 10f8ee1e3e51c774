import { expect, it } from 'vitest';
import type { Event } from '../../api/model';
import { isNoise, nearest } from './nearest';

const at = (second: number) => ({ time: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`, class_name: 'file_activity', activity_name: 'create' }) as Event;

it('keeps those nearest to the alert, in order', () => {
  const events = [0, 10, 20, 25, 31, 40, 59].map(at);
  expect(nearest(events, at(30).time, 3).map((e) => e.time.slice(17, 19))).toEqual(['25', '31', '20'].sort());
  expect(nearest(events, at(30).time, 99)).toBe(events);
});

it.each([
  ['fork', {}, true],
  ['terminate', { exit: { code: 1 } }, true],
  ['terminate', { exit: { code: 0, signal: 'SIGKILL' } }, false],
  ['launch', {}, false],
])('judges %s %j', (activity_name, over, want) => {
  expect(isNoise({ ...at(0), class_name: 'process_activity', activity_name, ...over })).toBe(want);
});

import { describe, expect, it } from 'vitest';
import { ago, clock, exactTime, isZero, minuteTime, offset, since, span, zone, took } from './time';

const now = Date.parse('2026-11-23T12:00:00Z');
const before = (ms: number) => new Date(now - ms).toISOString();

describe('ago', () => {
  const cases: [number, string][] = [
    [0, 'just now'], [12_000, '12 s ago'], [60_000, '1 min ago'], [3_599_000, '59 min ago'], [3_600_000, '1 h ago'],
    [47 * 3_600_000, '47 h ago'], [48 * 3_600_000, '2 d ago'], [-30_000, 'just now'], [-600_000, 'in 10 min'],
  ];
  for (const [past, want] of cases) it(`${past} ms is ${want}`, () => expect(ago(before(past), now)).toBe(want));

  it('knows never', () => {
    expect(ago('0001-01-01T00:00:00Z', now)).toBe('never');
    expect(ago(undefined, now)).toBe('never');
    expect(ago('rubbish', now)).toBe('never');
    expect(isZero('2026-01-01T00:00:00Z')).toBe(false);
  });

  it('names the day beyond a month', () => expect(ago('2026-08-01T12:00:00Z', now)).toBe('2026-08-01'));
});

it('writes spans', () => expect([500, 61_000, 7_200_000].map(span)).toEqual(['0 s', '1 min', '2 h']));

it('writes exact times', () => {
  expect(exactTime('2026-11-23T12:00:00.25Z')).toMatch(/^2026-11-2\d \d\d:\d\d:00\.250 UTC([+−]\d+(:\d\d)?)?$/);
  expect(clock('2026-11-23T12:00:07.001Z')).toMatch(/:07\.001$/);
  expect(minuteTime('2026-11-23T12:00:59Z')).toMatch(/^2026-11-2\d \d\d:\d\d UTC/);
  expect(exactTime('0001-01-01T00:00:00Z')).toBe('never');
  expect(minuteTime(undefined)).toBe('never');
});

it.each([
  [0, 'UTC'],
  [-60, 'UTC+1'],
  [-330, 'UTC+5:30'],
  [210, 'UTC−3:30'],
])('names the zone %d minutes behind', (behind, want) => expect(zone({ getTimezoneOffset: () => behind } as Date)).toBe(want));

describe('offset', () => {
  const cases: [string, string][] = [
    ['2026-11-23T12:00:04.2Z', '+4.20 s'], ['2026-11-23T11:59:35Z', '−25.0 s'], ['2026-11-23T12:03:05Z', '+3 min 5 s'], ['2026-11-23T09:58:00Z', '−2 h 2 min'],
  ];
  for (const [time, want] of cases) it(want, () => expect(offset(time, '2026-11-23T12:00:00Z')).toBe(want));
});

it('reads look-backs and times', () => {
  expect(since('24h', now + 31_000)).toBe('2026-11-22T12:00:00.000Z');
  expect(since('2026-01-01T00:00:00Z', now)).toBe('2026-01-01T00:00:00.000Z');
  expect(since('rubbish', now)).toBeUndefined();
});

it('says how long work took', () => expect([took(0), took(812.4), took(2140), took(30_000), took(200_000)]).toEqual(['0 ms', '812 ms', '2.1 s', '30 s', '3 min']));

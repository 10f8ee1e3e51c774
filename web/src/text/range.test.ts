import { describe, expect, it } from 'vitest';
import { bounds, fromLocal, spanWords, toLocal, valid } from './range';

const now = Date.parse('2026-11-23T12:00:30Z');

describe('valid', () => {
  it('keeps look-backs', () => expect(valid('24h')).toBe('24h'));
  it('keeps times', () => expect(valid('2026-11-23T10:00:00Z')).toBe('2026-11-23T10:00:00.000Z'));
  for (const bad of ['', null, 'yesterday', 'constructor', '24 h']) it(`leaves out ${String(bad)}`, () => expect(valid(bad)).toBe(''));
});

describe('bounds', () => {
  it('turns look-backs into times', () => expect(bounds({ since: '1h', until: '' }, now)).toEqual({ since: '2026-11-23T11:00:00.000Z' }));
  it('leaves out what is not bounded', () => expect(bounds({ since: '', until: '' }, now)).toEqual({}));
});

describe('spanWords', () => {
  it('names look-backs', () => expect(spanWords({ since: '24h', until: '' })).toBe('last 24 hours'));
  it('names no bound', () => expect(spanWords({ since: '', until: '' })).toBe('any time'));
  it('names two times', () => expect(spanWords({ since: '2026-11-23T10:00:00Z', until: '2026-11-23T11:00:00Z' })).toMatch(/ to /));
});

describe('fields for date and time', () => {
  it('read what they write', () => expect(fromLocal(toLocal('2026-11-23T10:20:30.000Z'))).toBe('2026-11-23T10:20:30.000Z'));
  it('are empty for nothing', () => expect([toLocal(''), toLocal('24h'), fromLocal('')]).toEqual(['', '', '']));
});

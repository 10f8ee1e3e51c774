import { expect, it } from 'vitest';
import { advice, featureOrder, featureWords } from './features';

const feature = { name: 'audit', state: 'running', since: '' };

it('says what to do only where something is wrong', () => {
  expect(advice(feature)).toBe('');
  expect(advice({ ...feature, state: 'failed' })).toContain('restart');
  expect(advice({ ...feature, state: 'degraded' })).toContain('status');
  expect(advice({ ...feature, state: 'degraded', warnings: [{ code: 'a', text: 'b' }] })).toBe('');
});

it('puts what needs a look first and knows no feature by accident', () => {
  expect(['off', 'running', 'failed', 'odd', 'degraded'].sort((a, b) => featureOrder(a) - featureOrder(b))).toEqual(['failed', 'degraded', 'odd', 'running', 'off']);
  expect(featureWords('constructor')).toBe('');
});

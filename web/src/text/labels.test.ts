import { describe, expect, it } from 'vitest';
import { parseLabels, writeLabels } from './labels';

describe('parseLabels', () => {
  it('reads commas, lines and names without a value', () => {
    expect(parseLabels(' env = production,group=web\nkeep=a=b\n\nflag')).toEqual({ labels: { env: 'production', group: 'web', keep: 'a=b', flag: '' }, wrong: '' });
  });
  it('reads back what writeLabels wrote', () => {
    const labels = { b: '2', a: '', __proto__x: 'y' };
    expect(parseLabels(writeLabels(labels)).labels).toEqual(labels);
  });
  it.each([
    ['no name', '=x', 'no name'],
    ['a long name', `${'k'.repeat(64)}=1`, '63'],
    ['a long value', `k=${'v'.repeat(256)}`, '255'],
    ['a name twice', 'a=1,a=2', 'twice'],
    ['too many', Array.from({ length: 33 }, (_, i) => `k${i}`).join(), '32'],
  ])('refuses %s', (_, text, word) => {
    expect(parseLabels(text).wrong).toContain(word);
  });
});

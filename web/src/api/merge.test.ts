import { describe, expect, it } from 'vitest';
import type { AlertSummary } from './model';
import { merge, patched } from './merge';

const row = (uid: string, count = 1) => ({ uid, count, status: 'open', severity: 'low' }) as AlertSummary;
const uids = (parts: { items: AlertSummary[] }[]) => parts.map((p) => p.items.map((a) => a.uid).join(''));
const parts = () => [{ items: [row('a'), row('b')], next: 'x' }, { items: [row('c'), row('d')] }];

describe('merge', () => {
  it('lets new rows in on top', () => {
    const { pages, added } = merge(parts(), [row('n'), row('c', 9), row('a')], true);
    expect(uids(pages)).toEqual(['ncab', 'd']);
    expect(added).toEqual(['n']);
    expect(pages[0]?.next).toBe('x');
    expect(pages[0]?.items[1]?.count).toBe(9);
  });

  it('keeps every row where it is otherwise', () => {
    const { pages, added } = merge(parts(), [row('n'), row('c', 9), row('a')], false);
    expect(uids(pages)).toEqual(['ab', 'cd']);
    expect(added).toEqual(['n']);
    expect(pages[1]?.items[0]?.count).toBe(9);
  });

  it('takes an empty list', () => expect(merge([], [row('n')], true).pages).toEqual([]));
});

describe('patched', () => {
  it('changes the row it is about', () => {
    const out = patched(parts(), { uid: 'd', status: 'resolved' });
    expect(out[1]?.items[1]).toMatchObject({ uid: 'd', status: 'resolved', severity: 'low' });
  });

  it('leaves other lists as they are', () => {
    const old = parts();
    expect(patched(old, { uid: 'z', status: 'resolved' })).toBe(old);
  });
});

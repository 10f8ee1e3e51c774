import { describe, expect, it } from 'vitest';
import { bars } from './histogram';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 23, 10, minute)).toISOString();

describe('bars', () => {
  it('has none for nothing', () => expect(bars([])).toEqual([]));
  it('fills gaps', () => expect(bars([{ start: at(0), count: 2 }, { start: at(5), count: 1 }, { start: at(20), count: 4 }]).map((b) => b.count)).toEqual([2, 1, 0, 0, 4]));
  it('puts them in order', () => expect(bars([{ start: at(5), count: 1 }, { start: at(0), count: 2 }]).map((b) => b.count)).toEqual([2, 1]));
  it('takes a bucket that stands alone', () => expect(bars([{ start: at(0), count: 2 }])).toMatchObject([{ count: 2 }]));
  it('leaves out times that are none', () => expect(bars([{ start: 'x', count: 2 }])).toEqual([]));
  it('stays bounded, and loses nothing', () => {
    const wide = bars([{ start: at(0), count: 1 }, { start: at(1), count: 2 }, { start: '2027-11-23T00:00:00Z', count: 3 }]);
    expect(wide.length).toBeLessThanOrEqual(400);
    expect(wide.reduce((n, b) => n + b.count, 0)).toBe(6);
  });
});

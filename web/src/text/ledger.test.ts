import { describe, expect, it } from 'vitest';
import type { Balance } from '../api/model';
import { equation, reasonWords } from './ledger';

const base: Balance = {
  host: '', name: '', produced: 1000, combined: 30, waiting: 10, stored: 955, dropped: { kernel_lost: 4, crashed: 1 }, unaccounted: 0, time: '2026-11-23T12:00:00Z',
};

describe('equation', () => {
  it('balances', () => {
    const e = equation(base);
    expect(e.balanced).toBe(true);
    expect(e.terms.reduce((n, t) => n + t.value, 0)).toBe(e.produced);
    expect(e.losses.map((l) => l.reason)).toEqual(['kernel_lost', 'crashed']);
    expect(e.terms.some((t) => t.key === 'unaccounted')).toBe(false);
  });

  it('shows what is left over, whatever the server claims', () => {
    const e = equation({ ...base, stored: 900 });
    expect(e.balanced).toBe(false);
    expect(e.terms.at(-1)).toMatchObject({ key: 'unaccounted', value: 55 });
  });

  it('shows events that nobody produced', () => {
    const e = equation({ ...base, stored: 960 });
    expect(e.balanced).toBe(false);
    expect(e.terms.at(-1)).toMatchObject({ key: 'unaccounted', value: -5 });
    expect(e.terms.reduce((n, t) => n + t.value, 0)).toBe(e.produced);
  });

  it('leaves out reasons that lost nothing', () => expect(equation({ ...base, dropped: { queue_full: 0 } }).losses).toEqual([]));
});

it('has words for reasons it does not know', () => expect(reasonWords('solar_flare')).toBe('solar flare'));

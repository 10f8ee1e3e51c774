import { expect, it } from 'vitest';
import { atLeast, compact, first, grouped, plural } from './numbers';

it.each([
  [999, '999'],
  [1043, '1,043'],
  [12_345, '12.3K'],
  [34_000_000, '34M'],
])('writes %d in little room', (n, want) => expect(compact(n)).toBe(want));

it('says that there may be more', () => {
  expect(first(atLeast(plural(2000, 'alert'), true))).toBe('At least 2,000 alerts');
  expect(atLeast('1 alert', undefined)).toBe('1 alert');
});

it.each([
  ['holds 3865470566 of at most 4294967296 bytes', 'holds 3,865,470,566 of at most 4,294,967,296 bytes'],
  ['127.0.0.1:65535 since 20261123, pid 4194304', '127.0.0.1:65535 since 20261123, pid 4194304'],
  ['digest 00000000123456789012345678', 'digest 00000000123456789012345678'],
])('puts separators into %s', (text, want) => expect(grouped(text)).toBe(want));

import { expect, it } from 'vitest';
import { nextPath } from './next';

it.each([
  ['/alerts?status=open#x', '/alerts?status=open#x'],
  [null, '/'],
  ['', '/'],
  ['https://evil.example/', '/'],
  ['//evil.example/', '/'],
  ['/\\evil.example/', '/'],
  ['/\t/evil.example/', '/'],
  ['javascript:alert(1)', '/'],
  ['/login?next=/login', '/'],
])('of %j is %j', (asked, want) => expect(nextPath(asked)).toBe(want));

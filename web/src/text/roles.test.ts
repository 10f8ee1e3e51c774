import { expect, it } from 'vitest';
import { parseRoles, writeRoles } from './roles';

it('reads back what it wrote', () => {
  const map = { 'cn=team,dc=example': 'responder', admins: 'admin' } as const;
  expect(parseRoles(` ${writeRoles(map)}\n\n`)).toEqual({ roles: map, wrong: '' });
});

it.each([
  ['no value', '=admin', 'form'],
  ['no role', 'admins', 'form'],
  ['an unknown role', 'admins=root', 'no role'],
  ['a value twice', 'a=admin\na=reader', 'twice'],
])('refuses %s', (_, text, word) => {
  expect(parseRoles(text).wrong).toContain(word);
});

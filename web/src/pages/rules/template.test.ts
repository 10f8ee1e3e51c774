import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { copied, fresh, nameOf, wrongName } from './template';

const id = '8a1b6a52-54a9-4b2f-9d0c-0f1d3c1a7f55';
const other = 'bc3c8951-ea15-4d11-bbf9-039a094328a4';

it('begins with a rule', () => expect(parse(fresh(id))).toMatchObject({ id, detection: { condition: 'selection' }, level: 'medium' }));

describe('copied', () => {
  it('gives a rule an id of its own', () => expect(copied(`title: x\nid: ${id}\nlevel: low\n`, other)).toBe(`title: x\nid: ${other}\nlevel: low\n`));
  it('leaves rules that may name each other', () => {
    const text = `id: ${id}\n---\nid: ${other}\n`;
    expect(copied(text, id)).toBe(text);
  });
  it('leaves a rule without one', () => expect(copied('title: x\n', id)).toBe('title: x\n'));
});

describe('names', () => {
  it('follow titles', () => expect([nameOf('A web server starts /bin/sh!'), nameOf('…')]).toEqual(['a-web-server-starts-bin-sh.yml', 'rule.yml']));
  for (const good of ['a.yml', 'web/shells.yaml']) it(`may be ${good}`, () => expect(wrongName(good)).toBe(''));
  for (const bad of ['', 'a', '/a.yml', '../a.yml', 'a//b.yml', `${'a'.repeat(200)}.yml`]) it(`may not be ${bad.slice(0, 12) || 'empty'}`, () => expect(wrongName(bad)).not.toBe(''));
});

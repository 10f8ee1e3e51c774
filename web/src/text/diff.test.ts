import { describe, expect, it } from 'vitest';
import { type DiffLine, diff, hunks } from './diff';

const signs = { same: ' ', added: '+', removed: '-' };
const shown = (lines: readonly DiffLine[]) => lines.map((l) => signs[l.kind] + l.text).join('\n');

describe('diff', () => {
  const cases: [name: string, before: string, after: string, want: string][] = [
    ['nothing', 'a\nb', 'a\nb', ' a\n b'],
    ['a line added', 'a\nb', 'a\nx\nb', ' a\n+x\n b'],
    ['a line removed', 'a\nb\nc', 'a\nc', ' a\n-b\n c'],
    ['a line changed', 'a\nb\nc', 'a\nx\nc', ' a\n-b\n+x\n c'],
    ['all of it', 'a', 'b', '-a\n+b'],
    ['a line moved', 'a\nb\nc\nd', 'b\nc\na\nd', '-a\n b\n c\n+a\n d'],
    ['lines doubled', 'a', 'a\na', ' a\n+a'],
  ];
  for (const [name, before, after, want] of cases) it(name, () => expect(shown(diff(before, after))).toBe(want));

  it('gives both texts back', () => {
    const before = 'one\ntwo\nthree\nfour\nfive';
    const after = 'zero\ntwo\nfour\nthree\nfive\nsix';
    const lines = diff(before, after);
    expect(lines.filter((l) => l.old > 0).map((l) => l.text).join('\n')).toBe(before);
    expect(lines.filter((l) => l.new > 0).map((l) => l.text).join('\n')).toBe(after);
    expect(lines.filter((l) => l.new > 0).map((l) => l.new)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('takes texts that have nothing in common as replaced, however long', () => {
    const many = (word: string) => Array.from({ length: 5000 }, (_, i) => word + i).join('\n');
    expect(diff(many('a'), many('b'))).toHaveLength(10_000);
  });
});

describe('hunks', () => {
  const long = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  it('shows the lines about a change', () => {
    const [hunk, ...more] = hunks(diff(long.join('\n'), long.with(15, 'another').join('\n')), 2);
    expect(more).toEqual([]);
    expect(hunk?.skipped).toBe(13);
    expect(hunk?.lines).toHaveLength(6);
  });
  it('keeps changes that are far from each other apart', () => {
    const after = long.with(2, 'x').with(25, 'y').join('\n');
    expect(hunks(diff(long.join('\n'), after), 1).map((h) => h.skipped)).toEqual([1, 20]);
  });
  it('is empty for equal texts', () => expect(hunks(diff('a\nb', 'a\nb'))).toEqual([]));
});

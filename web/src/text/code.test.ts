import { describe, expect, it } from 'vitest';
import { columnAt, indentation, offsetOf, placeWords, spans } from './code';

const shown = (line: string, columns: number[], length = 0) => spans(line, columns.map((c) => [c, length] as const)).map((s) => (s.bad ? `<${s.text}>` : s.unseen ? `(${s.text.codePointAt(0)})` : s.text)).join('');

describe('spans', () => {
  const cases: [name: string, line: string, columns: number[], want: string][] = [
    ['nothing wrong', 'process | take 5', [], 'process | take 5'],
    ['a word', 'process | tkae 5', [11], 'process | <tkae> 5'],
    ['a sign', 'where a = 1', [9], 'where a <=> 1'],
    ['a string', 'where a == "b c" or d', [12], 'where a == <"b c"> or d'],
    ['the whole line', '  level: huge  ', [0], '  <level: huge>  '],
    ['beyond the end', 'where', [6], 'where< >'],
    ['an empty line', '', [1], '< >'],
    ['after a character of two units', '"😀" ==', [5], '"😀" <=>='],
    ['a character nobody sees', 'a\u202eb', [], 'a(8238)b'],
  ];
  for (const [name, line, columns, want] of cases) it(name, () => expect(shown(line, columns)).toBe(want));
  it('a length in characters', () => expect(shown('a "😀 b" c', [3], 5)).toBe('a <"😀 b"> c'));
});

describe('places', () => {
  it('count characters, not units', () => expect(columnAt('😀a', 2)).toBe(2));
  it('are found in the text', () => expect(offsetOf('ab\ncd', { line: 2, column: 2 })).toBe(4));
  it('begin after the indentation without a column', () => expect(offsetOf('ab\n  cd', { line: 2 })).toBe(5));
  it('stay inside the text', () => expect(offsetOf('ab', { line: 9, column: 9 })).toBe(2));
  it('are said', () => expect([placeWords({ line: 3, column: 7, text: '' }), placeWords({ line: 3, text: '' }), placeWords({ line: 0, text: '' })]).toEqual(['Line 3, column 7', 'Line 3', '']));
});

describe('indentation', () => {
  const cases: [before: string, want: number][] = [['title: x', 0], ['  a: x', 2], ['detection:', 2], ['  selection:  ', 4], ['    - a', 4], ['  - Image|endswith:', 6], ['  - Image: x', 4]];
  for (const [before, want] of cases) it(JSON.stringify(before), () => expect(indentation(before)).toBe(' '.repeat(want)));
});

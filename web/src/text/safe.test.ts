import { describe, expect, it } from 'vitest';
import { fold, pieces, visible } from './safe';

describe('visible', () => {
  const cases: [string, string, string][] = [
    ['leaves plain text alone', '/usr/bin/curl -o x', '/usr/bin/curl -o x'],
    ['leaves letters of any script alone', 'Größe 日本 עברית', 'Größe 日本 עברית'],
    ['shows line breaks', 'a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['shows terminal escapes', '\u001b[31mred', '\\x1b[31mred'],
    ['shows bidirectional overrides', 'gpj\u202eexe', 'gpj\\u202eexe'],
    ['shows isolates', '\u2066x\u2069', '\\u2066x\\u2069'],
    ['shows zero-width characters', 'pass\u200bwd', 'pass\\u200bwd'],
    ['shows spaces that are none', 'a\u00a0b\u3000c', 'a\\xa0b\\u3000c'],
    ['shows tag characters', '\u{e0041}', '\\U000e0041'],
    ['shows fillers that count as letters', '\u3164', '\\u3164'],
    ['shows lone surrogates', '\ud800', '\\ud800'],
    ['keeps a few combining marks', 'e\u0301', 'e\u0301'],
    ['stops piled-up marks', `a${'\u0301'.repeat(5)}`, 'a\u0301\u0301\u0301\\u0301\\u0301'],
    ['keeps markup as text', '<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ];
  for (const [name, text, want] of cases) {
    it(name, () => expect(visible(text)).toBe(want));
  }

  it('leaves nothing unseen whatever it is given', () => {
    const unseen: number[] = [];
    for (let code = 0; code < 0x20000; code++) {
      const shown = visible(String.fromCodePoint(code));
      if (shown !== ' ' && shown.trim() === '') unseen.push(code);
    }
    expect(unseen).toEqual([]);
  }, 60_000);
});

describe('pieces', () => {
  it('marks ranges, also across escapes', () => {
    expect(pieces('ab\u202ecd', [[1, 4]])).toEqual([
      { text: 'a', marked: false },
      { text: 'b', marked: true },
      { text: '\\u202e', escaped: 'U+202E', marked: true },
      { text: 'c', marked: true },
      { text: 'd', marked: false },
    ]);
  });

  it('marks several ranges', () => {
    expect(pieces('abcdef', [[0, 1], [3, 5]]).map((p) => [p.text, p.marked])).toEqual([['a', true], ['bc', false], ['de', true], ['f', false]]);
  });
});

describe('fold', () => {
  it('does not cut a character in half', () => {
    expect(fold('a\u{1f600}b', 2)).toBe('a');
    expect(fold('abc', 2)).toBe('ab');
    expect(fold('ab', 2)).toBe('ab');
  });
});

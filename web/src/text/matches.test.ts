import { describe, expect, it } from 'vitest';
import { matchRanges, merged, unquote } from './matches';

describe('matchRanges', () => {
  const cases: [string, string, string, string[]][] = [
    ['ends with', '/usr/bin/bash', 'ends with "/bash"', ['/bash']],
    ['starts with, ignoring case', '/DEV/shm/x', 'starts with "/dev/shm/"', ['/DEV/shm/']],
    ['is', 'socket', 'is "socket"', ['socket']],
    ['contains, every place', 'a.sh; b.sh', 'contains ".sh"', ['.sh', '.sh']],
    ['several conditions', 'curl x | sh', 'contains "curl" and contains "| sh"', ['curl', '| sh']],
    ['wildcards', 'nc -e /bin/sh', 'matches "*nc *-e*/bin/?h"', ['nc -e', '/bin/', 'h']],
    ['quotes inside', 'echo "x"', 'contains "\\"x\\""', ['"x"']],
    ['cut texts', 'abcdef', 'contains "abc…"', ['abc']],
    ['a regular expression', 'abc', 'matches /a.c/', ['abc']],
    ['a network', '10.1.2.3', 'lies in 10.0.0.0/8', ['10.1.2.3']],
    ['a negation', 'abc', 'not: contains "x"', []],
    ['nothing found', 'abc', 'contains "zz"', ['abc']],
    ['an empty value', '', 'is empty', []],
  ];
  for (const [name, value, condition, want] of cases) {
    it(name, () => expect(matchRanges(value, condition).map(([a, b]) => value.slice(a, b))).toEqual(want));
  }
});

it('reads Go quotes', () => expect(unquote('"a\\n\\x1b\\u202e\\\\\\""')).toBe('a\n\x1b\u202e\\"'));

it('merges ranges', () => expect(merged([[4, 6], [0, 2], [1, 3], [6, 7], [9, 9]])).toEqual([[0, 3], [4, 7]]));

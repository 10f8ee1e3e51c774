import { describe, expect, it } from 'vitest';
import type { HuntColumn } from '../api/hunt';
import { cellText, filtered, huntOf, literal, parseHunt, widthOf, writeHunt } from './hunt';

const view = (query: string) => parseHunt(new URLSearchParams(query));

describe('the URL', () => {
  for (const query of ['', 'q=process', 'q=process&since=7d', 'q=process&since=', 'q=a&since=2026-11-23T10:00:00.000Z&until=2026-11-23T11:00:00.000Z']) {
    it(`holds ${query || 'nothing'}`, () => expect(view(writeHunt(view(query)).toString())).toEqual(view(query)));
  }
  it('looks back a day where it says nothing', () => expect(view('q=process')).toEqual({ query: 'process', since: '24h', until: '' }));
  it('may have no bound', () => expect(view('q=process&since=').since).toBe(''));
  it('leaves out what is malformed', () => expect(view('since=odd&until=odd')).toEqual({ query: '', since: '', until: '' }));
});

describe('huntOf', () => {
  it('is nothing without a query', () => expect(huntOf(view('q=%20'), 0)).toBeNull());
  it('says the times', () => expect(huntOf(view('q=process&since=1h'), Date.parse('2026-11-23T12:00:00Z'))).toEqual({ query: 'process', since: '2026-11-23T11:00:00.000Z' }));
});

describe('literal', () => {
  const cases: [value: unknown, type: HuntColumn['type'], want: string | undefined][] = [
    ['a "b" \\', 'text', '"a \\"b\\" \\\\"'], ['a\nb\u202e', 'text', '"a\\u000ab\\u202e"'], ['😀é', 'text', '"😀é"'], ['192.0.2.7', 'address', '"192.0.2.7"'], [7, 'int', '7'], [true, 'bool', 'true'],
    ['2026-11-23T10:00:00Z', 'time', 'datetime(2026-11-23T10:00:00Z)'], [null, 'text', undefined], [['a'], 'list', undefined], ['1h', 'duration', undefined],
  ];
  for (const [value, type, want] of cases) it(`${type} ${JSON.stringify(value)}`, () => expect(literal(value, type)).toBe(want));
});

describe('filtered', () => {
  const column: HuntColumn = { name: 'user.name', type: 'text' };
  it('keeps', () => expect(filtered('process\n', column, 'eve', true)).toBe('process\n| where user.name == "eve"'));
  it('leaves out', () => expect(filtered('process', column, 'eve', false)).toBe('process\n| where user.name != "eve"'));
  it('cannot say nothing', () => expect(filtered('process', column, null, true)).toBeUndefined());
});

describe('cells', () => {
  it('say values', () => expect([cellText(null, 'text'), cellText(1.23456, 'real'), cellText(true, 'bool'), cellText(['a', 'b'], 'list'), cellText(80, 'int')]).toEqual(['', '1.235', 'yes', 'a, b', '80']));
  it('are as wide as what they hold, within bounds', () => {
    expect(widthOf({ name: 'n', type: 'int' }, [[1]], 0)).toBe(70);
    expect(widthOf({ name: 'n', type: 'text' }, [['x'.repeat(9000)]], 0)).toBe(520);
  });
});

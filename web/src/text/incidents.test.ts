import { describe, expect, it } from 'vitest';
import type { Incident, StoryLine } from '../api/model';
import { type Following, causal, follow, hostsText, lineCount, parse, queryString, steps, stretches } from './incidents';

const line = (host: string, ...tactics: string[]) => ({ host, host_name: host, tactics }) as StoryLine;

describe('views', () => {
  for (const query of ['', 'status=open&order=-score', 'host=5f3c&tactic=impact&since=7d']) {
    it(`keep "${query}"`, () => expect(queryString(parse(new URLSearchParams(query)))).toBe(query));
  }
  it('know no order but their own', () => expect(parse(new URLSearchParams('order=-count')).order).toBe('-last_time'));
});

it('cuts a story where it goes over to another host', () => {
  const parts = stretches([line('a'), line('a'), line('b'), line('a')]);
  expect(parts.map((p) => [p.host, p.from, p.lines.length])).toEqual([['a', 0, 2], ['b', 2, 1], ['a', 3, 1]]);
  expect(stretches([])).toEqual([]);
});

it('says of each tactic which lines show it and where in the chain it stands', () => {
  const incident = { story: [line('a', 'execution'), line('b', 'impact', 'execution')], tactics: ['execution', 'impact'] } as Pick<Incident, 'story' | 'tactics'>;
  expect(steps(incident, ['discovery', 'execution', 'impact'])).toEqual([
    { tactic: 'discovery', lines: [], place: 0 },
    { tactic: 'execution', lines: [0, 1], place: 1 },
    { tactic: 'impact', lines: [1], place: 2 },
  ]);
});

it('tells causes from what is merely shared', () => {
  expect(causal({ kinds: ['host', 'file'] })).toBe(true);
  expect(causal({ kinds: ['shared', 'host', 'rarity'] })).toBe(false);
});

it('names hosts, whatever they are called', () => {
  expect(hostsText(['a', 'b', 'c'], { a: 'web-01' }, 2)).toBe('web-01, b and 1 more');
  expect(hostsText(['constructor'], {}, 2)).toBe('constructor');
  expect(hostsText(['a'], { a: 'x\u202ey' }, 2)).toBe('x\\u202ey');
});

it('says what a story leaves out', () => {
  const story = [line('a')];
  expect(lineCount({ story, count: 1, omitted: 0 })).toBe('1 line from 1 signal');
  expect(lineCount({ story, count: 900, omitted: 30 })).toBe('1 line from 900 signals; 30 signals left out for lack of room');
});

describe('an incident that becomes part of another', () => {
  const asked: Following = { uid: 'a', shown: false, moved: 'never' };
  const after = (...answers: string[]) => answers.reduce(follow, asked);
  it('is shown as it is until then', () => expect(after('a', 'a')).toEqual({ uid: 'a', shown: true, moved: 'never' }));
  it('is told as such where it was part of it before', () => expect(after('b', 'b')).toEqual({ uid: 'b', shown: true, moved: 'before' }));
  it('is followed while it is shown', () => expect(after('a', 'b', 'b')).toEqual({ uid: 'b', shown: true, moved: 'meanwhile' }));
  it('is followed again', () => expect(after('b', 'c')).toEqual({ uid: 'c', shown: true, moved: 'meanwhile' }));
  it('changes nothing where nothing changed', () => {
    const shown = after('a');
    expect(follow(shown, 'a')).toBe(shown);
  });
});

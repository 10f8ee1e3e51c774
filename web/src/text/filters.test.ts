import { describe, expect, it } from 'vitest';
import { narrowed, parse, queryString, request, toggled, write } from './filters';

const read = (s: string) => parse(new URLSearchParams(s));

describe('parse and write', () => {
  for (const query of [
    '', 'status=open,acknowledged', 'severity=high&text=curl+%7C+sh', 'host=5f3c,9a1e&since=24h&order=-severity', 'assignee=-&until=2026-01-01T00%3A00%3A00Z',
    'text=%C3%A9%26%3D%23%3F',
  ]) {
    it(`keeps "${query}"`, () => {
      expect(queryString(read(query))).toBe(query);
      expect(parse(write(read(query)))).toEqual(read(query));
    });
  }

  it('reads repeated parameters', () => expect(read('severity=high&severity=low').severity).toEqual(['high', 'low']));

  it('leaves out what it does not know', () => {
    const view = read('status=open,broken,open&severity=critical&order=sideways&colour=red');
    expect(view.status).toEqual(['open']);
    expect(view.severity).toEqual([]);
    expect(view.order).toBe('-last_time');
  });

  it('bounds what a link may ask for', () => {
    const view = read(`host=${Array.from({ length: 500 }, (_, i) => i).join(',')}&text=${'a'.repeat(9999)}`);
    expect(view.host).toHaveLength(50);
    expect(view.text).toHaveLength(256);
  });
});

it('toggles values', () => {
  const on = toggled(read(''), 'status', 'open');
  expect(on.status).toEqual(['open']);
  expect(toggled(on, 'status', 'open').status).toEqual([]);
});

it('knows whether a view leaves alerts out', () => {
  expect(narrowed(read(''))).toBe(false);
  expect(narrowed(read('order=count'))).toBe(false);
  expect(narrowed(read('since=1h'))).toBe(true);
});

it('asks the interface', () => {
  const now = Date.parse('2026-11-23T12:00:30Z');
  expect(request(read('status=open&since=24h&text=x'), now)).toEqual({ status: ['open'], text: 'x', since: '2026-11-22T12:00:00.000Z' });
  expect(request(read('since=rubbish'), now)).toEqual({});
});

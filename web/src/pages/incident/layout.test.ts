import { describe, expect, it } from 'vitest';
import type { Link, StoryLine } from '../../api/model';
import { layout, stops } from './layout';

const line = (host: string, i = 0) => ({ host, host_name: `${host}-name`, time: `2026-01-01T00:00:${String(i).padStart(2, '0')}Z` }) as StoryLine;
const link = (from: number, to: number) => ({ from, to }) as Link;

describe('layout', () => {
  it('gives each host a lane, in the order in which they were reached', () => {
    const { lanes, nodes } = layout([line('b'), line('a'), line('b')], []);
    expect(lanes.map((l) => l.name)).toEqual(['b-name', 'a-name']);
    expect(nodes[0]?.y).toBe(nodes[2]?.y);
    expect(nodes[1]?.y).toBeGreaterThan(nodes[0]?.y ?? 0);
  });

  it('draws later lines further right, inside of the picture', () => {
    const { nodes, width, height } = layout(Array.from({ length: 300 }, (_, i) => line(i % 2 ? 'a' : 'b', i % 60)), []);
    for (const [i, node] of nodes.entries()) {
      expect(node.x).toBeGreaterThan(nodes[i - 1]?.x ?? 0);
      expect(node.x).toBeLessThan(width);
      expect(node.y).toBeLessThan(height);
    }
  });

  it('leads over what lies between on the same host, and across to another', () => {
    const { edges } = layout([line('a'), line('a'), line('b')], [link(0, 1), link(0, 2)]);
    expect(edges[0]?.path).toMatch(/^M\d+ \d+ Q/);
    expect(edges[1]?.path).toMatch(/^M\d+ \d+ C/);
  });

  it('survives links to nowhere and no story at all', () => {
    expect(layout([line('a')], [link(0, 7)]).edges).toEqual([{ path: '' }]);
    expect(layout([], [])).toMatchObject({ lanes: [], nodes: [], ticks: [] });
  });

  it('keeps times apart', () => {
    const { ticks } = layout(Array.from({ length: 100 }, (_, i) => line('a', i % 60)), []);
    for (const [i, tick] of ticks.entries()) if (i > 0) expect(tick.x - (ticks[i - 1]?.x ?? 0)).toBeGreaterThanOrEqual(70);
  });
});

it('comes to each line and each link once', () => {
  expect(stops(3, [link(0, 1), link(0, 2), link(1, 2)])).toEqual([{ line: 0 }, { line: 1 }, { link: 0 }, { line: 2 }, { link: 1 }, { link: 2 }]);
});

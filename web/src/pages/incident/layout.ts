// Where the parts of an incident's graph are drawn: a lane for each host, in
// the order in which they were reached, and the lines of the story from left
// to right in the order of time.
import type { Link, StoryLine } from '../../api/model';

/** Lane is a host's row. */
export interface Lane {
  host: string;
  name: string;
  y: number;
}

/** Node is where a line of the story is drawn. */
export interface Node {
  x: number;
  y: number;
}

/** Edge is how a link is drawn. */
export interface Edge {
  /** Of an SVG path. */
  path: string;
}

/** Tick is a time under the graph. */
export interface Tick {
  x: number;
  time: string;
}

export interface Layout {
  width: number;
  height: number;
  lanes: Lane[];
  nodes: Node[];
  edges: Edge[];
  ticks: Tick[];
}

export const laneHeight = 58;
export const radius = 12;
/** Room above the first lane, for links that lead over lines. */
export const top = 16;
const margin = 30;
const foot = 26;
const tickGap = 78;
const comfortable = 860; // what a graph may fill before its lines draw nearer
const [nearest, farthest] = [46, 130];

/** layout places the lines and links of a story. Links to lines that are not there are drawn as nothing. */
export function layout(story: readonly StoryLine[], links: readonly Link[]): Layout {
  const lanes = lanesOf(story);
  const rows = new Map(lanes.map((l) => [l.host, l.y]));
  const step = Math.max(nearest, Math.min(farthest, comfortable / Math.max(story.length - 1, 1)));
  const nodes = story.map((line, i) => ({ x: margin + i * step, y: rows.get(line.host) ?? 0 }));
  return {
    width: 2 * margin + Math.max(story.length - 1, 0) * step + 30,
    height: top + lanes.length * laneHeight + foot,
    lanes,
    nodes,
    edges: links.map(({ from, to }) => ({ path: curve(nodes[from], nodes[to]) })),
    ticks: ticksOf(story, nodes),
  };
}

function lanesOf(story: readonly StoryLine[]): Lane[] {
  const names = new Map(story.map((l) => [l.host, l.host_name || l.host]));
  return [...names].map(([host, name], i) => ({ host, name, y: i * laneHeight + laneHeight / 2 + top }));
}

/** curve leads from a line to another: above those between them on the same host, or across to another host. */
function curve(a: Node | undefined, b: Node | undefined): string {
  if (!a || !b) return '';
  const at = ({ x, y }: Node) => `${Math.round(x)} ${Math.round(y)}`;
  if (a.y !== b.y) {
    const middle = (a.x + b.x) / 2;
    return `M${at(a)} C${at({ x: middle, y: a.y })} ${at({ x: middle, y: b.y })} ${at(b)}`;
  }
  const rise = Math.min(62, Math.abs(b.x - a.x) * 0.34);
  return `M${at(a)} Q${at({ x: (a.x + b.x) / 2, y: a.y - rise })} ${at(b)}`;
}

function ticksOf(story: readonly StoryLine[], nodes: readonly Node[]): Tick[] {
  const ticks: Tick[] = [];
  for (const [i, { x }] of nodes.entries()) {
    const last = ticks.at(-1);
    if (!last || x - last.x >= tickGap) ticks.push({ x, time: story[i]?.time ?? '' });
  }
  return ticks;
}

/** Stop is what the keyboard comes to in the graph. */
export type Stop = { line: number } | { link: number };

/** stops orders lines and links: each line, then the links that lead to it. */
export function stops(lines: number, links: readonly Pick<Link, 'to'>[]): Stop[] {
  const out: Stop[] = [];
  for (let line = 0; line < lines; line++) {
    out.push({ line });
    for (const [link, { to }] of links.entries()) if (to === line) out.push({ link });
  }
  return out;
}

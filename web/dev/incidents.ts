// The made-up server's incidents: what some of its alerts would be joined to.
import type { Incident, IncidentSummary, Link, StoryLine } from '../src/api/model.ts';
import type { Reply, Request, Route, World } from './work.ts';

const problem = (status: number, title: string, detail: string): Reply => ({ status, body: { title, status, detail } });
const many = (q: URLSearchParams, name: string): string[] => q.getAll(name).flatMap((v) => v.split(',')).filter((v) => v !== '');
const rank: Record<string, number> = { informational: 0, low: 1, medium: 2, high: 3 };
const minute = 60_000;

type Alert = World['alerts'][number];

/** Comment is what somebody said. */
interface Comment {
  uid: number;
  alert: string;
  time: string;
  by: string;
  text: string;
  change: string;
}

const reasons: Link[] = [
  { from: 0, to: 1, kinds: ['process', 'session'], strength: 0.97, reason: 'Both come from the logon session of www-data that began at 09:12:04: bash (pid 4412) started the one, and its child sh (pid 4420) the other.' },
  { from: 1, to: 2, kinds: ['file'], strength: 0.93, reason: 'The file /tmp/.x was written by curl (pid 4420) and run as pid 4433 two seconds later.' },
  { from: 2, to: 3, kinds: ['process'], strength: 0.9, reason: 'The process 4433 is an ancestor of pid 4490.' },
  { from: 3, to: 4, kinds: ['connection'], strength: 0.88, reason: 'A connection from 10.20.0.10:51514 on the one host was accepted on the other.' },
  { from: 4, to: 5, kinds: ['shared', 'order'], strength: 0.7, reason: 'Both have to do with the address 203.0.113.9, which no other host has seen.' },
  { from: 2, to: 6, kinds: ['shared', 'rarity'], strength: 0.66, reason: 'Both have to do with a file of the same content, which two hosts have.' },
];

function line(a: Alert, i: number, began: number, next: () => number): StoryLine {
  const time = new Date(began + i * (20 + next() * 200) * 1000).toISOString();
  const count = next() < 0.7 ? 1 : Math.ceil(next() * 40);
  return {
    time, last_time: count > 1 ? new Date(Date.parse(time) + 90_000).toISOString() : time, count, host: a.host ?? '', host_name: a.host_name, title: a.title, description: a.description,
    severity: a.severity, tactics: a.tactics, signals: [a.uid, ...(count > 3 ? [a.uid.replace(/^./, '0'), a.uid.replace(/^./, '1')] : [])], key: a.severity === 'high' || i % 3 === 0, hidden: i % 6 === 4,
  };
}

function make(uid: string, of: Alert[], began: number, next: () => number): Incident {
  const story = of.map((a, i) => line(a, i, began, next)).sort((a, b) => a.time.localeCompare(b.time));
  const hosts = [...new Set(story.map((l) => l.host))];
  const worst = [...story].sort((a, b) => (rank[b.severity] ?? 0) - (rank[a.severity] ?? 0))[0];
  const extra = Array.from({ length: Math.max(0, story.length - 7) }, (_, i): Link => ({ from: i + 5, to: i + 7, kinds: ['host', 'rarity'], strength: 0.5, reason: 'Both are rare on this host, and came within two minutes.' }));
  return {
    uid, aliases: [`${uid}-before`], title: `${worst?.title ?? 'Attack'} after a logon on ${story[0]?.host_name ?? 'a host'}`, severity: worst?.severity ?? 'low', score: 3 + next() * 20,
    time: story[0]?.time ?? '', last_time: story.at(-1)?.time ?? '', count: story.reduce((n, l) => n + l.count, 0), omitted: story.length > 20 ? 41 : 0, hosts,
    host_names: Object.fromEntries(story.map((l) => [l.host, l.host_name])), tactics: [...new Set(story.filter((l) => l.key).flatMap((l) => l.tactics.slice(0, 1)))], story, links: [...reasons, ...extra].filter((l) => l.to < story.length),
    entities: [
      { kind: 'process', value: '27edbcf5f41ae3a2-4412-934544120000000', name: 'bash (4412)', hosts: hosts.slice(0, 1), lines: [0, 1, 2], common: false },
      { kind: 'file', value: '/tmp/.x\u202egpj', name: '', hosts: hosts.slice(0, 1), lines: [1, 2], common: false },
      { kind: 'hash', value: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', name: '', hosts, lines: [2, 6], common: false },
      { kind: 'address', value: '203.0.113.9', name: '', hosts, lines: [0, 4, 5], common: false },
      { kind: 'account', value: '0', name: 'root', hosts, lines: [3, 4], common: true },
    ].map((e) => ({ ...e, lines: e.lines.filter((n) => n < story.length) })) as Incident['entities'],
    missing_links: ['How the intruder came onto the first host: no logon or service was seen before the first line.', 'What was sent over the connection to 203.0.113.9.'],
    related: [{ uid: `${uid.slice(0, -1)}0`, reason: 'Both have to do with the address 198.51.100.23, but eleven hosts have seen it: that alone joins nothing.' }],
    remediation: ['Isolate the hosts named here, worst first, and keep their memory and disks as they are.', 'Change the credentials of www-data and root on them.', 'Look for the content named here on all other hosts.'],
    status: 'open', assignee: '', version: 1, updated_time: story.at(-1)?.time ?? '', verdict: '',
  };
}

function makeAll({ alerts, next }: World): Incident[] {
  const sizes = [7, 2, 3, 26, 1, 4, 2, 9];
  return sizes.flatMap((size, n) => {
    const from = alerts.length > 0 ? Math.floor(next() * (alerts.length - 40)) : 0;
    const of = alerts.slice(from, from + size);
    if (of.length === 0) return [];
    const incident = make(`5f0c${n}e2b77aa4d13${n}`, of, Date.now() - (n * n * 190 + 40) * minute, next);
    return [{ ...incident, ...(n === 2 ? { status: 'acknowledged', assignee: 'alice' } : n > 5 ? { status: 'resolved', verdict: 'benign' } : {}) } as Incident];
  });
}

function summary(i: Incident): IncidentSummary {
  const { uid, title, severity, score, time, last_time, count, hosts, host_names, tactics, status, assignee, version, verdict } = i;
  return { uid, title, severity, score, time, last_time, count, hosts, host_names, tactics, status, assignee, version, verdict, lines: i.story.length };
}

function chosen(all: Incident[], q: URLSearchParams): Incident[] {
  const lists: [string, (i: Incident) => string[]][] = [['status', (i) => [i.status]], ['severity', (i) => [i.severity]], ['host', (i) => i.hosts], ['tactic', (i) => i.tactics], ['assignee', (i) => [i.assignee || '-']], ['alert', (i) => i.story.flatMap((l) => l.signals)]];
  const tests = lists.map(([name, get]) => [many(q, name), get] as const).filter(([wanted]) => wanted.length > 0);
  const text = (q.get('text') ?? '').toLowerCase();
  return all.filter((i) => tests.every(([wanted, get]) => get(i).some((v) => wanted.includes(v))) && i.title.toLowerCase().includes(text) && i.last_time >= (q.get('since') ?? ''));
}

function ordered(list: Incident[], order: string): Incident[] {
  const value = (i: Incident) => (order.endsWith('severity') ? (rank[i.severity] ?? 0) : order.endsWith('score') ? i.score : Date.parse(i.last_time));
  return [...list].sort((a, b) => (order.startsWith('-') ? -1 : 1) * (value(a) - value(b)) || a.uid.localeCompare(b.uid));
}

function tally(values: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const v of values) counts[v] = (counts[v] ?? 0) + 1;
  return counts;
}

/** incidentRoutes are the routes about incidents. */
export function incidentRoutes(w: World): Route[] {
  const all = makeAll(w);
  const comments: Comment[] = [];
  const say = (of: string, text: string, change: string) => {
    comments.push({ uid: comments.length + 1, alert: of, time: new Date().toISOString(), by: w.who(), text, change });
    return comments.at(-1);
  };
  const found = (answer: (i: Incident, r: Request) => Reply) => (r: Request) => {
    const one = all.find((i) => i.uid === r.part || i.aliases.includes(r.part));
    return one ? answer(one, r) : problem(404, 'Not Found', 'incident: not found; it may have been removed by retention');
  };
  return [
    ['GET', /^incidents$/, ({ query: q }) => ({ body: { items: ordered(chosen(all, q), q.get('order') ?? '-last_time').map(summary).slice(0, Number(q.get('limit') ?? 100)) } })],
    ['GET', /^incidents\/counts$/, ({ query }) => {
      const list = chosen(all, query);
      return { body: { total: list.length, by_severity: tally(list.map((i) => i.severity)), by_status: tally(list.map((i) => i.status)) } };
    }],
    ['GET', /^incidents\/([^/]+)$/, found((body) => ({ body }))],
    ['PATCH', /^incidents\/([^/]+)$/, found((i, { body }) => {
      const { alerts: _, comment, ...rest } = body;
      say(i.uid, String(comment ?? ''), Object.entries(rest).map(([k, v]) => `${k}: ${String(v)}`).join(', '));
      Object.assign(i, rest, { version: i.version + 1 });
      w.tell('incident', { uid: i.uid, severity: i.severity, status: i.status, new: false });
      return { body: i };
    })],
    ['GET', /^incidents\/([^/]+)\/comments$/, found((i) => ({ body: { items: comments.filter((c) => c.alert === i.uid) } }))],
    ['POST', /^incidents\/([^/]+)\/comments$/, found((i, { body }) => ({ status: 201, body: say(i.uid, String(body['text']), '') }))],
  ];
}

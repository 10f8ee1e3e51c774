// A made-up server for `npm run dev` and `npm run preview`. It is never part
// of the build. Sign in with any name and password; "reader" may only look.
// HOLDFAST_MOCK=empty shows a new installation, =trouble a server that has
// some; HOLDFAST_MOCK_ALERTS sets how many alerts there are.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';
import type { components } from '../src/api/schema.ts';
import { around, balance, makeAlert, makeHosts, random } from './data.ts';
import { exceptionRoutes } from './exceptions.ts';
import { incidentRoutes } from './incidents.ts';
import { huntRoutes, ruleRoutes } from './rules.ts';
import { type World, workRoutes } from './work.ts';

type S = components['schemas'];
type Reply = { status?: number; body?: unknown; tag?: string };
type Route = [method: string, path: RegExp, answer: (r: Request) => Reply];

interface Request {
  part: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  /** If-Match. */
  match: string;
}

const now = Date.now();
const empty = process.env['HOLDFAST_MOCK'] === 'empty';
const next = random(7);
const troubled = process.env['HOLDFAST_MOCK'] === 'trouble';
const trouble = !troubled ? [] : [
  { code: 'ingest_stalled', text: 'Ingestion does not get on: write segment: no space left on device. Nothing is lost, agents and stream keep what comes, and it is tried again by itself.' },
  { code: 'stream_filling', text: 'The stream holds 3865470566 of at most 4294967296 bytes: events come faster than they are stored. When it is full, agents keep their events.' },
];
const hosts = empty ? [] : makeHosts(next, now, troubled);
const quietFor = hosts.map((h) => [h, now - Date.parse(h.last_seen_time)] as const);
const total = empty ? 0 : Number(process.env['HOLDFAST_MOCK_ALERTS'] ?? 8000);
const alerts: S['Alert'][] = Array.from({ length: total }, (_, i) => makeAlert(next, hosts, now - 60_000 - next() ** 2.2 * 30 * 24 * 3600_000, i % 200 === 3));
const comments: S['Comment'][] = [];
const views: S['View'][] = [];
const listeners = new Set<ServerResponse>();
let session: S['Session'] | null = null;

const problem = (status: number, title: string, detail: string): Reply => ({ status, body: { title, status, detail } });
const rank: Record<string, number> = { informational: 0, low: 1, medium: 2, high: 3 };

function user(name: string): S['User'] {
  const role = name === 'reader' ? 'reader' : 'admin';
  return { name, full_name: name === 'alice' ? 'Alice Example' : '', role, disabled: false, external: false, created_time: new Date(now).toISOString(), last_logon_time: new Date(now).toISOString(), version: 1 };
}

function many(q: URLSearchParams, name: string): string[] {
  return q.getAll(name).flatMap((v) => v.split(',')).filter((v) => v !== '');
}

function chosen(q: URLSearchParams): S['Alert'][] {
  const lists: [string, (a: S['Alert']) => string[]][] = [
    ['status', (a) => [a.status]], ['severity', (a) => [a.severity]], ['type', (a) => [a.alert_type]], ['host', (a) => [a.host ?? '']],
    ['tactic', (a) => a.tactics], ['assignee', (a) => [a.assignee || '-']], ['rule', (a) => [a.rule.uid]],
  ];
  const tests = lists.map(([name, get]) => [many(q, name), get] as const).filter(([wanted]) => wanted.length > 0);
  const text = (q.get('text') ?? '').toLowerCase();
  const since = q.get('since') ?? '';
  const until = q.get('until') ?? '';
  return alerts.filter(
    (a) =>
      tests.every(([wanted, get]) => get(a).some((v) => wanted.includes(v))) &&
      (text === '' || `${a.title}\n${a.description}\n${a.host_name}`.toLowerCase().includes(text)) &&
      (since === '' || Date.parse(a.last_time) >= Date.parse(since)) &&
      (until === '' || Date.parse(a.last_time) < Date.parse(until)),
  );
}

function ordered(list: S['Alert'][], order: string): S['Alert'][] {
  const by = order.replace('-', '');
  const sign = order.startsWith('-') ? -1 : 1;
  const value = (a: S['Alert']) => (by === 'severity' ? (rank[a.severity] ?? 0) : by === 'count' ? a.count : Date.parse(a.last_time));
  return [...list].sort((a, b) => sign * (value(a) - value(b)) || Date.parse(b.last_time) - Date.parse(a.last_time) || a.uid.localeCompare(b.uid));
}

function summary(a: S['Alert']): S['AlertSummary'] {
  const { uid, alert_type, title, severity, host_name, time, last_time, count, description, tactics, status, assignee, triage_time, triage_by, version } = a;
  return { uid, alert_type, title, severity, host: a.host ?? '', host_name, time, last_time, count, description, tactics, rule_uid: a.rule.uid, status, assignee, triage_time, triage_by, version };
}

function page(list: S['Alert'][], q: URLSearchParams): Reply {
  const sorted = ordered(list, q.get('order') ?? '-last_time');
  const from = q.get('after') ? sorted.findIndex((a) => a.uid === q.get('after')) + 1 : 0;
  const limit = Number(q.get('limit') ?? 100);
  const items = sorted.slice(from, from + limit).map(summary);
  const last = items.at(-1);
  return { body: { items, ...(last && from + limit < sorted.length ? { next: last.uid } : {}) } };
}

function tally(list: S['Alert'][], key: (a: S['Alert']) => string, label: (a: S['Alert']) => string): S['AlertCount'][] {
  const counts = new Map<string, S['AlertCount']>();
  for (const a of list) {
    const c = counts.get(key(a)) ?? { key: key(a), label: label(a), count: 0 };
    c.count++;
    counts.set(c.key, c);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).slice(0, 10);
}

function widthOf(bucket: string): number {
  const [, n, unit] = /^(\d+)([smhd])/.exec(bucket) ?? [];
  return Number(n ?? 0) * ({ s: 1000, m: 60_000, h: 3600_000, d: 86_400_000 }[unit ?? 'h'] ?? 0);
}

function counts(q: URLSearchParams): Reply {
  const all = chosen(q);
  // A text is looked for in the newest only, as on the real server.
  const bounded = (q.get('text') ?? '') !== '' && all.length > 2000;
  const list = bounded ? ordered(all, '-last_time').slice(0, 2000) : all;
  const group = (key: (a: S['Alert']) => string) => Object.fromEntries(tally(list, key, key).map((c) => [c.key, c.count]));
  const width = widthOf(q.get('bucket') ?? '');
  const over: S['AlertCounts']['over_time'] = [];
  if (width > 0) {
    const since = Math.floor(Date.parse(q.get('since') ?? '') / width) * width;
    for (let start = since; start < Date.now(); start += width) over.push({ start: new Date(start).toISOString(), by_severity: {} });
    for (const a of list) {
      const bucket = over[Math.floor((Date.parse(a.last_time) - since) / width)];
      if (bucket) bucket.by_severity[a.severity] = (bucket.by_severity[a.severity] ?? 0) + 1;
    }
  }
  return {
    body: {
      total: list.length, by_severity: group((a) => a.severity), by_status: group((a) => a.status),
      top_types: tally(list, (a) => a.alert_type, (a) => a.title), top_hosts: tally(list, (a) => a.host ?? '', (a) => a.host_name), over_time: over, ...(bounded ? { at_least: true } : {}),
    },
  };
}

function change(a: S['Alert'], body: Record<string, unknown>): void {
  const said: string[] = [];
  if (typeof body['status'] === 'string' && body['status'] !== a.status) {
    said.push(`status from ${a.status} to ${body['status']}`);
    a.status = body['status'] as S['Alert']['status'];
  }
  if (typeof body['assignee'] === 'string' && body['assignee'] !== a.assignee) {
    said.push(body['assignee'] ? `assigned to ${body['assignee']}` : 'assigned to nobody');
    a.assignee = body['assignee'];
  }
  a.version++;
  const text = typeof body['comment'] === 'string' ? body['comment'] : '';
  comments.push({ uid: comments.length + 1, alert: a.uid, time: new Date().toISOString(), by: session?.user.name ?? '', text, change: said.join(', ') });
  tell('alert', { uid: a.uid, severity: a.severity, status: a.status, new: false });
}

function sum(list: S['Balance'][]): S['Balance'] {
  const all: S['Balance'] = { host: '', name: '', produced: 0, combined: 0, waiting: 0, stored: 0, dropped: {}, unaccounted: 0, time: new Date().toISOString() };
  for (const b of list) {
    all.produced += b.produced;
    all.combined += b.combined;
    all.waiting += b.waiting;
    all.stored += b.stored;
    for (const [reason, n] of Object.entries(b.dropped)) all.dropped[reason] = (all.dropped[reason] ?? 0) + n;
  }
  return all;
}

function ledger(): Reply {
  const list = hosts.map(balance);
  const server = { stream_messages: 212, stream_bytes: 41_000_000, stream_limit_bytes: 2 ** 31, uncommitted_events: 9310, accepted_frames: 129_331, busy_frames: 0, refused: [] };
  return { body: { hosts: list, total: sum(list), server } };
}

function overview(): Reply {
  const open: Record<string, number> = {};
  for (const a of alerts) if (a.status === 'open') open[a.severity] = (open[a.severity] ?? 0) + 1;
  const states = { total: hosts.length, active: Math.max(hosts.length - 1, 0), revoked: hosts.length ? 1 : 0, healthy: Math.max(hosts.length - 4, 0), degraded: hosts.length ? 2 : 0, silent: hosts.length ? 1 : 0, never_seen: 0 };
  return { body: { version: 'v0.3.0', open_alerts: open, hosts: states, ledger: sum(hosts.map(balance)), started_time: new Date(now).toISOString(), conditions: trouble } };
}

const enrolTokens: S['EnrollToken'][] = [];

function enrolToken({ body }: Request): Reply {
  const secret = `hfe1.${'eyJ1IjpbImh0dHBzOi8vaG9sZGZhc3QuZXhhbXBsZS5vcmc6ODQ0MyJdLCJwIjoi'.repeat(2)}`;
  const expires_time = new Date(Date.now() + 1000 * Number(body['expires_in_seconds'] ?? 3600)).toISOString();
  const token = { note: '', labels: {}, max_uses: 0, ...body, uid: `e${enrolTokens.length}`, created_by: 'admin', created_time: new Date().toISOString(), expires_time, uses: 0, revoked: false } as S['EnrollToken'];
  enrolTokens.unshift(token);
  const install = `curl -fsSLk --pinnedpubkey 'sha256//Vb1m0p4c=' https://holdfast.example.org:8443/install | sudo sh -s -- ${secret}`;
  return { body: { token, secret, commands: { install, enroll: `sudo holdfast-agent enroll ${secret}` } } };
}

/** hostEvents makes events about the newest alert of the host before the asked time. */
function hostEvents({ part, query }: Request): Reply {
  const since = Date.parse(query.get('since') ?? '') || 0;
  const until = Date.parse(query.get('until') ?? '') || Date.now();
  const inside = (time: string) => Date.parse(time) >= since && Date.parse(time) < until;
  const of = alerts.filter((a) => a.host === part && (inside(a.time) || Date.parse(a.time) === until));
  const items = of.slice(0, 3).flatMap(around).filter((e) => inside(e.time)).sort((a, b) => a.time.localeCompare(b.time));
  return { body: { items: query.get('order') === 'time' ? items : items.reverse() } };
}

const alertOf = (r: Request) => alerts.find((a) => a.uid === r.part);
const missing = problem(404, 'Not Found', 'alert: not found; it may have been removed by retention');
const withAlert = (answer: (a: S['Alert'], r: Request) => Reply) => (r: Request) => {
  const a = alertOf(r);
  return a ? answer(a, r) : missing;
};

const routes: Route[] = [
  ['GET', /^login-options$/, () => ({ body: { local: true, oidc: true, oidc_name: 'Keycloak', version: 'v0.3.0' } })],
  ['POST', /^session$/, ({ body }) => {
    if (body['password'] === 'wrong') return problem(401, 'Unauthorized', 'The name or the password is wrong.');
    session = { user: user(String(body['name'])), csrf: 'csrf-token', expires_time: new Date(now + 12 * 3600_000).toISOString() };
    return { body: session };
  }],
  ['GET', /^session$/, () => ({ body: session })],
  ['DELETE', /^session$/, () => {
    session = null;
    return { status: 204 };
  }],
  ['GET', /^overview$/, overview],
  ['GET', /^ledger$/, ledger],
  ['GET', /^hosts$/, ({ query }) => ({ body: { items: hosts.filter((h) => h.name.includes(query.get('text') ?? '') && (query.get('state') ?? h.state) === h.state && many(query, 'label').every((l) => Object.entries(h.labels).some(([k, v]) => `${k}=${v}` === l))) } })],
  ['GET', /^hosts\/([^/]+)\/events$/, hostEvents],
  ['GET', /^views$/, () => ({ body: { items: views } })],
  ['POST', /^views$/, ({ body }) => {
    const v = { uid: `v${views.length}`, owner: session?.user.name ?? '', created_time: new Date().toISOString(), ...body } as S['View'];
    views.push(v);
    return { body: v };
  }],
  ['DELETE', /^views\/([^/]+)$/, ({ part }) => {
    views.splice(views.findIndex((v) => v.uid === part), 1);
    return { status: 204 };
  }],
  ['POST', /^enroll-tokens$/, enrolToken],
  ['GET', /^enroll-tokens$/, () => ({ body: { items: enrolTokens } })],
  ['DELETE', /^enroll-tokens\/([^/]+)$/, ({ part }) => {
    for (const t of enrolTokens) if (t.uid === part) t.revoked = true;
    return { status: 204 };
  }],
  ['GET', /^alerts$/, ({ query }) => page(chosen(query), query)],
  ['GET', /^alerts\/counts$/, ({ query }) => counts(query)],
  ['POST', /^alerts\/bulk$/, ({ body }) => {
    const found = alerts.filter((a) => (body['uids'] as string[]).includes(a.uid));
    for (const a of found) change(a, body);
    return { body: { changed: found.length } };
  }],
  ['GET', /^alerts\/([^/]+)$/, withAlert((body) => ({ body }))],
  ['PATCH', /^alerts\/([^/]+)$/, withAlert((a, { body }) => {
    change(a, body);
    return { body: a };
  })],
  ['GET', /^alerts\/([^/]+)\/comments$/, withAlert((a) => ({ body: { items: comments.filter((c) => c.alert === a.uid) } }))],
  ['POST', /^alerts\/([^/]+)\/comments$/, withAlert((a, { body }) => {
    change(a, { comment: body['text'] });
    return { body: comments.at(-1) };
  })],
  ['GET', /^alerts\/([^/]+)\/similar$/, withAlert((a, { query }) => page(alerts.filter((b) => b.alert_type === a.alert_type && b !== a).slice(0, 20), query))],
  ...incidentRoutes(world()),
  ...exceptionRoutes(world()),
  ...ruleRoutes(world()),
  ...huntRoutes(world()),
  ...workRoutes(world()),
];

function world(): World {
  return { hosts, alerts, who: () => session?.user.name ?? '', tell, next };
}

function tell(event: string, data: unknown): void {
  for (const res of listeners) res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function happen(): void {
  const alert = makeAlert(next, hosts, Date.now(), false);
  alert.status = 'open';
  alert.assignee = '';
  alerts.push(alert);
  tell('alert', { uid: alert.uid, severity: alert.severity, status: alert.status, new: true });
}

function stream(res: ServerResponse): void {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  res.write(': hello\n\n');
  listeners.add(res);
  res.on('close', () => listeners.delete(res));
}

async function read(req: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of req) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

/** beat lets every host but the silent one have sent a heartbeat within seconds. */
function beat(): void {
  for (const [h, quiet] of quietFor) {
    if (quiet < 60_000) h.last_seen_time = new Date(Date.now() - quiet).toISOString();
  }
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', 'http://mock');
  const path = url.pathname.replace('/api/v1/', '');
  if (path === 'changes' && session) return stream(res);
  beat();
  const body = await read(req);
  const open = path === 'login-options' || (path === 'session' && req.method === 'POST');
  const route = routes.find(([method, pattern]) => method === req.method && pattern.test(path));
  let reply: Reply = problem(404, 'Not Found', `${req.method} ${url.pathname}: the made-up server of web/dev does not know this.`);
  if (!session && !open) reply = problem(401, 'Unauthorized', 'You are not signed in.');
  else if (req.method !== 'GET' && !open && req.headers['x-csrf-token'] !== 'csrf-token') reply = problem(403, 'Forbidden', 'The CSRF token is missing.');
  else if (route) reply = route[2]({ part: route[1].exec(path)?.[1] ?? '', query: url.searchParams, body, match: req.headers['if-match'] ?? '*' });
  res.writeHead(reply.status ?? 200, { 'Content-Type': (reply.status ?? 200) >= 400 ? 'application/problem+json' : 'application/json', ...(reply.tag ? { ETag: reply.tag } : {}) });
  res.end(reply.body === undefined ? undefined : JSON.stringify(reply.body));
}

/** policy is the content security policy that the real server sends too. */
const policy = (nonce: string) =>
  `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;

const api = (req: IncomingMessage, res: ServerResponse, pass: () => void) => {
  if (req.url?.startsWith('/api/v1/')) void answer(req, res);
  else pass();
};

/** mockServer answers the REST interface with made-up data. */
export function mockServer(): Plugin {
  return {
    name: 'holdfast-mock',
    apply: (_, env) => env.command === 'serve',
    configureServer(server) {
      server.middlewares.use(api);
      if (!empty) setInterval(happen, 12_000).unref();
    },
    // The built console, under the policy of the real server.
    configurePreviewServer(server) {
      server.middlewares.use(api);
      if (!empty) setInterval(happen, 12_000).unref();
      server.middlewares.use((req, res, pass) => {
        const file = /\.\w+$/.test(new URL(req.url ?? '/', 'http://mock').pathname);
        if (file) return pass();
        const nonce = String(Math.random()).slice(2);
        res.setHeader('Content-Type', 'text/html; charset=utf-8');
        res.setHeader('Content-Security-Policy', policy(nonce));
        res.end(readFileSync('dist/index.html', 'utf8').replace('__CSP_NONCE__', nonce));
      });
    },
  };
}

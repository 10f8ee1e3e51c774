// The made-up server's answers about hosts' doings, simulations and settings.
import type { components } from '../src/api/schema.ts';
import { around, makeAlert } from './data.ts';

type S = components['schemas'];
export type Reply = { status?: number; body?: unknown; tag?: string };

export interface Request {
  part: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  /** If-Match. */
  match: string;
}

/** World is what the made-up server has. */
export interface World {
  hosts: S['Host'][];
  alerts: S['Alert'][];
  who: () => string;
  tell: (event: string, data: unknown) => void;
  next: () => number;
}

export type Route = [method: string, path: RegExp, answer: (r: Request) => Reply];

const never = '0001-01-01T00:00:00Z';
const day = 24 * 3600_000;
const problem = (status: number, title: string, detail: string): Reply => ({ status, body: { title, status, detail } });
const list = (items: unknown[]): Reply => ({ body: { items } });

const scenarios: S['Scenario'][] = [
  ['reverse-shell', 'a shell is handed to the network', 'VM_ReverseShell', 'A shell whose input and output are a connection to this program on 127.0.0.1. It is told to exit at once; nobody else can reach it.', ['bash']],
  ['download-run', 'a downloaded script is run', 'VM_DownloadAndRunCombo', 'Fetches three lines of shell from a server of its own on 127.0.0.1 and runs them: they print a word.', ['curl']],
  ['web-shell', 'a web server starts a shell', 'VM_Webshell', 'A copy of the shell named nginx starts a shell that runs id. Nothing listens, nothing is served.', []],
  ['miner', 'a miner is started', 'VM_DigitalCurrencyMining', 'Runs a program that ends at once under the name and with the options of a coin miner. Nothing is computed.', []],
  ['shadow-read', 'the file of password hashes is read', 'VM_SuspectPasswordFileAccess', 'Reads /etc/shadow with cat and throws away what it reads.', ['root']],
  ['cron-job', 'a scheduled task is added', 'VM_CronJobAccess', 'Writes a file that holds only a comment to /etc/cron.d and removes it again.', ['root']],
  ['ssh-key', 'an SSH key is added', 'VM_SshKeyAddition', 'Adds a comment to an authorized_keys file of an account of its own.', ['root']],
  ['history-cleared', 'the history of a shell is cleared', 'VM_HistoryFileCleared', 'Empties a file named .bash_history in a folder of its own.', []],
  ['firewall-off', 'the packet filter is emptied', 'VM_FirewallDisabled', 'Runs a program named nft that does nothing, with the words that would empty the packet filter.', []],
  ['reconnaissance', 'somebody looks around within seconds', 'VM_LinuxReconnaissance', 'Runs id, uname, ps and six more within seconds, as somebody would who has just come in.', []],
  ['sudoer', 'an account becomes an administrator', 'VM_NewSudoerAccount', 'Makes an account that cannot log on, adds it to the group sudo and removes it.', ['root', 'usermod']],
  ['kernel-module', 'a kernel module is loaded', 'HF_KernelModuleLoaded', 'Loads the module dummy, which does nothing, and removes it.', ['root', 'kernel modules']],
].map(([name, title, alert_type, summary, needs]) => ({ name, title, alert_type, summary, needs, os: ['linux'] }) as S['Scenario']);

const folders: Record<string, string> = {
  VM_ReverseShell: 'execution', VM_DownloadAndRunCombo: 'execution', VM_Webshell: 'persistence', VM_DigitalCurrencyMining: 'impact', VM_SuspectPasswordFileAccess: 'credential-access',
  VM_CronJobAccess: 'persistence', VM_SshKeyAddition: 'persistence', VM_HistoryFileCleared: 'defense-evasion', VM_FirewallDisabled: 'defense-evasion', VM_LinuxReconnaissance: 'discovery',
  VM_NewSudoerAccount: 'privilege-escalation', HF_KernelModuleLoaded: 'persistence',
};

/** rulePath is where the rule of an alert type lies. */
export const rulePath = (type: string): string => `linux/${folders[type] ?? 'execution'}/${type.toLowerCase()}.yml`;

function processesOf(w: World, host: string): S['HostProcess'][] {
  const chains = w.alerts.filter((a) => a.host === host).slice(0, 120);
  return chains.flatMap((a, i) => (a.process ? [{ process: a.process, running: i % 3 !== 2, seen_time: a.time, ...(i % 3 === 2 ? { exit: { code: i % 2 } } : {}) }] : [])).sort((a, b) => Number(b.running) - Number(a.running));
}

function eventsOf(w: World, host: string, q: URLSearchParams): S['Event'][] {
  const wanted = q.getAll('class').flatMap((c) => c.split(','));
  const text = (q.get('text') ?? '').toLowerCase();
  return w.alerts
    .filter((a) => a.host === host)
    .slice(0, 60)
    .flatMap(around)
    .filter((e) => (wanted.length === 0 || wanted.includes(e.class_name)) && (text === '' || JSON.stringify(e).toLowerCase().includes(text)) && (!q.get('since') || e.time >= (q.get('since') ?? '')))
    .sort((a, b) => b.time.localeCompare(a.time));
}

function page<T>(items: T[], q: URLSearchParams): Reply {
  const from = Number(q.get('after') ?? 0);
  const to = from + Number(q.get('limit') ?? 100);
  return { body: { items: items.slice(from, to), ...(to < items.length ? { next: String(to) } : {}) } };
}

function play(w: World, runs: S['Simulation'][], host: string, names: string[]): S['Simulation'] {
  const at = new Date().toISOString();
  const run: S['Simulation'] = {
    uid: `run${runs.length}`, host, action: 'simulate', argument: names, created_by: w.who(), created_time: at, changed_time: at, state: 'sent', detail: '',
    parts: names.map((subject) => ({ subject, state: 'waiting', detail: '', time: at })),
  };
  runs.unshift(run);
  const step = (i: number) => {
    const part = run.parts[i];
    if (!part) {
      const failed = run.parts.filter((p) => p.state === 'failed').length;
      Object.assign(run, { state: failed ? 'failed' : 'done', detail: `${run.parts.filter((p) => p.alert).length} passed, ${failed} failed, ${run.parts.filter((p) => p.state === 'unsupported').length} could not be played` });
      return w.tell('simulation', { uid: run.uid });
    }
    run.state = 'accepted';
    Object.assign(part, { state: 'running', detail: 'the scenario is being played' });
    w.tell('simulation', { uid: run.uid });
    setTimeout(() => {
      const scenario = scenarios.find((s) => s.name === part.subject);
      if (scenario?.needs.includes('kernel modules')) Object.assign(part, { state: 'unsupported', detail: 'this kernel loads no modules' });
      else {
        const alert = makeAlert(w.next, w.hosts.filter((h) => h.uid === host), Date.now(), false);
        Object.assign(alert, { alert_type: scenario?.alert_type, status: 'open', assignee: '' });
        w.alerts.push(alert);
        Object.assign(part, { state: 'done', detail: `alert ${alert.alert_type} after 0.${10 + Math.floor(w.next() * 30)} s`, alert: alert.uid });
        w.tell('alert', { uid: alert.uid, severity: alert.severity, status: 'open', new: true });
      }
      step(i + 1);
    }, 700);
  };
  setTimeout(() => step(0), 500);
  return run;
}

function hostRoutes(w: World): Route[] {
  const host = (r: Request) => w.hosts.find((h) => h.uid === r.part);
  const withHost = (answer: (h: S['Host'], r: Request) => Reply) => (r: Request) => {
    const h = host(r);
    return h ? answer(h, r) : problem(404, 'Not Found', `host "${r.part}": not found`);
  };
  const turn = (state: 'active' | 'revoked') =>
    withHost((h) => {
      h.state = state;
      h.version++;
      w.tell('host', { uid: h.uid });
      return { body: h };
    });
  return [
    ['GET', /^hosts\/([^/]+)$/, withHost((body) => ({ body }))],
    ['PATCH', /^hosts\/([^/]+)$/, withHost((h, { body }) => ({ body: Object.assign(h, { labels: body['labels'], version: h.version + 1 }) }))],
    ['POST', /^hosts\/([^/]+)\/revoke$/, turn('revoked')],
    ['POST', /^hosts\/([^/]+)\/allow$/, turn('active')],
    ['GET', /^hosts\/([^/]+)\/processes$/, withHost((h) => ({ body: { items: processesOf(w, h.uid), since_time: new Date(Date.now() - day).toISOString(), complete: true } }))],
    ['GET', /^hosts\/([^/]+)\/events$/, withHost((h, { query }) => page(eventsOf(w, h.uid, query), query))],
  ];
}

function simulationRoutes(w: World): Route[] {
  const runs: S['Simulation'][] = [];
  return [
    ['GET', /^scenarios$/, () => list([...scenarios].sort((a, b) => a.name.localeCompare(b.name)))],
    ['GET', /^simulations$/, () => list(runs)],
    ['GET', /^simulations\/([^/]+)$/, ({ part }) => ({ body: runs.find((r) => r.uid === part) })],
    ['POST', /^hosts\/([^/]+)\/simulations$/, ({ part, body }) => ({ status: 201, body: play(w, runs, part, body['scenarios'] as string[]) })],
  ];
}

function peopleRoutes(w: World): Route[] {
  const at = (days: number) => new Date(Date.now() - days * day).toISOString();
  const make = (name: string, full_name: string, role: S['Role'], more: Partial<S['User']> = {}): S['User'] => ({ name, full_name, role, disabled: false, external: false, created_time: at(40), last_logon_time: at(0.1), version: 1, ...more });
  const users = [make('admin', 'First administrator', 'admin'), make('alice', 'Alice Example', 'admin'), make('bob', 'Bob Example', 'responder', { external: true }), make('carol', '', 'approver', { last_logon_time: never }), make('mallory', '', 'reader', { disabled: true })];
  const tokens: S['Token'][] = [{ uid: 't1', note: 'SIEM import', role: 'reader', created_by: 'alice', created_time: at(30), expires_time: at(-60), last_used_time: at(0.01) }];
  const find = (name: string) => users.find((u) => u.name === name);
  return [
    ['GET', /^users$/, () => list(users)],
    ['POST', /^users$/, ({ body }) => {
      if (find(String(body['name']))) return problem(409, 'Conflict', `user "${body['name']}": there is one already`);
      const u = make(String(body['name']), String(body['full_name'] ?? ''), body['role'] as S['Role'], { last_logon_time: never });
      users.push(u);
      return { status: 201, body: u };
    }],
    ['PATCH', /^users\/([^/]+)$/, ({ part, body }) => ({ body: Object.assign(find(part) ?? {}, body) })],
    ['DELETE', /^users\/([^/]+)$/, ({ part }) => {
      users.splice(users.findIndex((u) => u.name === part), 1);
      return { status: 204 };
    }],
    ['POST', /^users\/([^/]+)\/password$/, () => ({ status: 204 })],
    ['POST', /^session\/password$/, ({ body }) => (body['old'] === 'wrong' ? problem(403, 'Forbidden', 'The present password is wrong.') : { status: 204 })],
    ['GET', /^tokens$/, () => list(tokens)],
    ['POST', /^tokens$/, ({ body }) => {
      const token = { uid: `t${tokens.length + 1}`, created_by: w.who(), created_time: at(0), last_used_time: never, ...body } as S['Token'];
      tokens.unshift(token);
      return { status: 201, body: { token, secret: 'hft_2Yq8mT1c0uVx5n9LrZk4wPjHsE7bDfGa' } };
    }],
    ['DELETE', /^tokens\/([^/]+)$/, ({ part }) => {
      tokens.splice(tokens.findIndex((t) => t.uid === part), 1);
      return { status: 204 };
    }],
  ];
}

function policyRoutes(w: World): Route[] {
  let version = 3;
  let policies: S['Assignments'] = {
    assignments: [
      { policy: { heartbeat_seconds: 30 } },
      { labels: { group: 'web' }, policy: { heartbeat_seconds: 30, disable: ['netsense'], spool_bytes: 2 ** 30 } },
      { labels: { env: 'staging', group: 'build' }, policy: { only: ['perf', 'authlog'] } },
      { host: w.hosts[3]?.uid ?? '', policy: { raw_records: true } },
    ],
  };
  const known = ['audit', 'authlog', 'netsense', 'perf', 'procfs'];
  const wrong = ({ assignments }: S['Assignments']): string => {
    for (const [i, { host, policy: p }] of assignments.entries()) {
      const odd = [...(p.only ?? []), ...(p.disable ?? [])].find((f) => !known.includes(f));
      if (odd) return `assignment ${i + 1}: policy: only: there is no feature "${odd}"; there are ${known.join(', ')}`;
      if (p.heartbeat_seconds && (p.heartbeat_seconds < 5 || p.heartbeat_seconds > 3600)) return `assignment ${i + 1}: policy: heartbeat_seconds: ${p.heartbeat_seconds} is not between 5 and 3600`;
      if (p.spool_bytes && p.spool_bytes < 2 ** 24) return `assignment ${i + 1}: policy: spool_bytes: ${p.spool_bytes} is less than 16 MiB`;
      if (host && !w.hosts.some((h) => h.uid === host)) return `assignment ${i + 1}: there is no host "${host}"`;
    }
    return '';
  };
  return [
    ['GET', /^policies$/, () => ({ body: policies, tag: `"${version}"` })],
    ['PUT', /^policies$/, ({ body, match }) => {
      const next = body as unknown as S['Assignments'];
      const said = wrong(next);
      if (said) return problem(422, 'Unprocessable Entity', `invalid: ${said}`);
      if (match !== '*' && match !== `"${version}"`) return problem(412, 'Precondition Failed', 'changed by somebody else meanwhile');
      policies = next;
      version++;
      return { body: policies, tag: `"${version}"` };
    }],
  ];
}

function serverRoutes(w: World): Route[] {
  const settings: S['Settings'] = {
    retention_days: { events: 30, alerts: 365, audit: 730 }, session_hours: 12,
    oidc: { issuer: 'https://id.example.org/realms/main', name: 'Keycloak', client_id: 'holdfast', client_secret_set: true, role_claim: 'groups', user_claim: '', roles: { 'security-team': 'responder', admins: 'admin' }, scopes: [] },
  };
  const actions = ['session.create', 'evidence.alert', 'alert.update', 'host.simulate', 'session.refused', 'settings.update', 'evidence.events'];
  const audit = Array.from({ length: 900 }, (_, i): S['AuditEntry'] => {
    const action = actions[i % actions.length] ?? '';
    return {
      uid: 900 - i, time: new Date(Date.now() - i * 371_000).toISOString(), actor: action === 'session.refused' ? 'root\u202e' : ['alice', 'bob', 'token:t1'][i % 3] ?? '', owner: action !== 'session.refused' && i % 3 === 2 ? 'alice' : '', address: '10.20.0.7', action,
      object: action.startsWith('session') ? '' : (w.alerts[i]?.uid ?? ''), outcome: action === 'session.refused' ? 'refused' : 'done', detail: action === 'alert.update' ? '{"status":"acknowledged"}' : '',
    };
  });
  const matches = (pattern: string, value: string) => pattern === '' || (pattern.endsWith('.*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern);
  return [
    ['GET', /^settings$/, () => ({ body: settings })],
    ['PATCH', /^settings$/, ({ body }) => ({ body: Object.assign(settings, body) })],
    ['GET', /^audit-log$/, ({ query: q }) => page(audit.filter((e) => (matches(q.get('actor') ?? '', e.actor) || matches(q.get('actor') ?? '', e.owner)) && matches(q.get('action') ?? '', e.action) && matches(q.get('object') ?? '', e.object)), q)],
    ['POST', /^backup$/, () => ({ body: 'a tar file' })],
  ];
}

/** workRoutes are the routes that this file answers. */
export const workRoutes = (w: World): Route[] => [...hostRoutes(w), ...simulationRoutes(w), ...peopleRoutes(w), ...policyRoutes(w), ...serverRoutes(w)];

// The made-up server's exceptions, and what one would have hidden.
import type { Condition, Exception, ExceptionBody } from '../src/api/model.ts';
import type { Reply, Request, Route, World } from './work.ts';

const problem = (status: number, title: string, detail: string): Reply => ({ status, body: { title, status, detail } });
const day = 24 * 3600_000;

type Alert = World['alerts'][number];

function said(a: Alert, field: string): string[] {
  const p = a.process;
  const known: Record<string, string | undefined> = {
    'process.executable': p?.file?.path, 'process.command_line': p?.cmd_line, 'parent.executable': p?.parent?.file?.path, 'user.name': p?.user?.name, 'host.name': a.host_name, 'process.name': p?.name,
  };
  return known[field] === undefined ? [] : [known[field]];
}

function holds(a: Alert, { field, op, values, not }: Condition): boolean {
  const has = said(a, field);
  const fits = (v: string) => values.some((w) => (op === 'contains' ? v.includes(w) : op === 'starts_with' ? v.startsWith(w) : op === 'ends_with' ? v.endsWith(w) : v === w));
  return has.length > 0 && has.every((v) => fits(v) !== (not ?? false));
}

const about = (a: Alert, { scope: s }: ExceptionBody) => (s.rules.length === 0 || s.rules.includes(a.rule.uid)) && (s.alert_types.length === 0 || s.alert_types.includes(a.alert_type));
const covers = (a: Alert, e: ExceptionBody) => about(a, e) && (s => s.hosts.length === 0 || s.hosts.includes(a.host ?? ''))(e.scope) && e.match.every((c) => holds(a, c));

function tally(list: Alert[], key: (a: Alert) => string, label: (a: Alert) => string) {
  const counts = new Map<string, { key: string; label: string; count: number }>();
  for (const a of list) {
    const c = counts.get(key(a)) ?? { key: key(a), label: label(a), count: 0 };
    c.count++;
    counts.set(c.key, c);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

function preview(w: World, body: Record<string, unknown>): Reply {
  const terms = body as unknown as ExceptionBody & { since?: string };
  const since = Date.parse(terms.since ?? '') || Date.now() - 30 * day;
  const all = w.alerts.filter((a) => Date.parse(a.time) >= since && about(a, terms));
  const hidden = all.filter((a) => covers(a, terms)).sort((a, b) => b.last_time.localeCompare(a.last_time));
  return {
    body: {
      total: all.length, hidden: hidden.length, complete: true, by_severity: Object.fromEntries(tally(hidden, (a) => a.severity, (a) => a.severity).map((c) => [c.key, c.count])),
      by_host: tally(hidden, (a) => a.host ?? '', (a) => a.host_name).slice(0, 10), alerts: hidden.slice(0, 100).map((a) => ({ ...a, rule_uid: a.rule.uid })),
      samples_total: 3, samples_hidden: Math.min(hidden.length, 2),
      samples: hidden.slice(0, 2).map((a, i) => ({ name: `match-${i + 1}.log`, rule: a.rule.uid, alert_type: a.alert_type, title: a.title, severity: a.severity, description: a.description })),
    },
  };
}

function suggest(w: World, uid: string): Reply {
  const a = w.alerts.find((b) => b.uid === uid);
  if (!a) return problem(404, 'Not Found', 'alert: not found; it may have been removed by retention');
  const match = ['process.executable', 'parent.executable', 'user.name'].flatMap((field) => said(a, field).map((v) => ({ field, op: 'equals', values: [v] })));
  return { body: { name: `${a.title} by ${a.process?.name ?? 'anybody'}`, reason: '', enabled: true, whole_rule: false, match, scope: { hosts: [a.host ?? ''], labels: {}, rules: [a.rule.uid], alert_types: [], kinds: ['alert'] } } };
}

function refusal(body: Record<string, unknown>): Reply | undefined {
  const e = body as unknown as ExceptionBody;
  const wrong = e.match.find((c) => c.op === 'cidr' && c.values.some((v) => !v.includes('/')));
  if (wrong) return problem(422, 'Unprocessable Entity', `match[${e.match.indexOf(wrong)}]: "${wrong.values[0]}" is no network such as 10.0.0.0/8`);
  if (e.whole_rule && !e.confirm) return problem(422, 'Unprocessable Entity', 'an exception for everything of its rules has to be confirmed');
  return undefined;
}

function makeAll({ alerts, hosts }: World): Exception[] {
  const at = (days: number) => new Date(Date.now() + days * day).toISOString();
  const rule = (type: string) => alerts.find((a) => a.alert_type === type)?.rule.uid ?? type;
  const make = (uid: string, name: string, reason: string, over: Partial<Exception>): Exception => ({
    uid, name, reason, created_by: 'alice', created_time: at(-20), enabled: true, scope: { hosts: [], labels: {}, rules: [], alert_types: [], kinds: ['alert'] }, match: [], whole_rule: false, hits: 0, version: 1, ...over,
  });
  const scope = (over: Partial<Exception['scope']>): Exception['scope'] => ({ hosts: [], labels: {}, rules: [], alert_types: [], kinds: ['alert'], ...over });
  if (alerts.length === 0) return [];
  return [
    make('ex1', 'Backup reads the password files', 'restic reads everything, every night; ticket OPS-412.', { scope: scope({ rules: [rule('VM_SuspectPasswordFileAccess')], labels: { group: 'db' } }), match: [{ field: 'process.executable', op: 'equals', values: ['/usr/bin/restic'] }, { field: 'user.name', op: 'equals', values: ['root'] }], hits: 412, last_hit_time: at(-0.3) }),
    make('ex2', 'Configuration management writes cron jobs', 'Ansible deploys them.', { scope: scope({ rules: [rule('VM_CronJobAccess')] }), match: [{ field: 'ancestor.executable', op: 'starts_with', values: ['/opt/ansible/', '/usr/libexec/ansible/'] }], hits: 18, last_hit_time: at(-2), expires_time: at(40) }),
    make('ex3', 'Penetration test of November', 'Announced by the red team, until Friday.', { scope: scope({ rules: [rule('VM_LinuxReconnaissance'), rule('VM_ReverseShell'), rule('VM_Webshell')], hosts: [hosts[2]?.uid ?? ''] }), match: [], whole_rule: true, hits: 3, last_hit_time: at(-9), expires_time: at(-6) }),
    make('ex4', 'Deploy key', 'The pipeline adds and removes it.', { scope: scope({ alert_types: ['VM_SshKeyAddition'] }), match: [{ field: 'user.name', op: 'equals', values: ['deploy'] }, { field: 'remote.address', op: 'cidr', values: ['10.20.0.0/16'], not: true }], enabled: false, created_by: 'bob' }),
  ];
}

/** exceptionRoutes are the routes about exceptions. */
export function exceptionRoutes(w: World): Route[] {
  const all = makeAll(w);
  const found = (answer: (e: Exception, r: Request) => Reply) => (r: Request) => {
    const one = all.find((e) => e.uid === r.part);
    return one ? answer(one, r) : problem(404, 'Not Found', 'exception: not found');
  };
  const state = (e: Exception) => (!e.enabled ? 'disabled' : e.expires_time && Date.parse(e.expires_time) < Date.now() ? 'expired' : 'active');
  return [
    ['GET', /^exceptions$/, ({ query: q }) => ({ body: { items: all.filter((e) => [null, state(e)].includes(q.get('state')) && e.name.toLowerCase().includes((q.get('text') ?? '').toLowerCase()) && (!q.get('rule') || e.scope.rules.includes(q.get('rule') ?? ''))) } })],
    ['POST', /^exceptions$/, ({ body }) => {
      const refused = refusal(body);
      if (refused) return refused;
      const e = { ...body, uid: `ex${all.length + 1}`, created_by: w.who(), created_time: new Date().toISOString(), hits: 0, version: 1 } as unknown as Exception;
      all.unshift(e);
      return { status: 201, body: e };
    }],
    ['POST', /^exceptions\/preview$/, ({ body }) => preview(w, body)],
    ['POST', /^exceptions\/suggest$/, ({ body }) => suggest(w, String(body['alert']))],
    ['GET', /^exceptions\/([^/]+)$/, found((body) => ({ body }))],
    ['PUT', /^exceptions\/([^/]+)$/, found((e, { body, match }) => {
      const refused = refusal(body);
      if (refused) return refused;
      if (match !== '*' && match !== `"${e.version}"`) return problem(412, 'Precondition Failed', 'changed by somebody else meanwhile');
      return { body: Object.assign(e, { expires_time: undefined }, body, { version: e.version + 1 }) };
    })],
    ['DELETE', /^exceptions\/([^/]+)$/, found((e) => {
      all.splice(all.indexOf(e), 1);
      return { status: 204 };
    })],
  ];
}

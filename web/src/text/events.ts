// An event in words, and its values under the names that rules use.
import type { Event, Process } from '../api/model';
import { isZero } from './time';

/** Sentence is an event in words: who did what to what. Actor and object come from the host and are hostile. */
export interface Sentence {
  actor: string;
  verb: string;
  object: string;
}

type Words = Record<string, string>;

const verbs: Record<string, Words> = {
  process_activity: {
    launch: 'ran', terminate: 'ended', fork: 'forked', open: 'attached to', inject: 'wrote into the memory of', set_user_id: 'changed its user', signal: 'sent a signal to',
  },
  file_activity: { create: 'created', update: 'wrote to', delete: 'deleted', rename: 'renamed', set_attributes: 'changed attributes of', open: 'opened' },
  kernel_extension_activity: { load: 'loaded into the kernel', unload: 'removed from the kernel' },
  kernel_activity: { create: 'created in the kernel', invoke: 'called the kernel for' },
  memory_activity: { map_view: 'mapped executable memory', create_anonymous_file: 'created a file in memory' },
  scheduled_job_activity: { create: 'scheduled a job', update: 'changed a scheduled job', delete: 'removed a scheduled job', start: 'started a scheduled job' },
  event_log_activity: { clear: 'cleared the log', delete: 'deleted the log', disable: 'switched off logging', enable: 'switched on logging', configure: 'changed audit rules' },
  account_change: {
    create: 'created the account', enable: 'enabled the account', password_change: 'changed the password of', disable: 'disabled the account', delete: 'deleted the account', modify: 'changed the account',
  },
  group_management: { add_user: 'added to a group:', remove_user: 'removed from a group:', create: 'created the group', delete: 'deleted the group', modify: 'changed the group' },
  network_activity: { open: 'connected to', close: 'closed its connection to', listen: 'listens on' },
  device_config_state_change: { clock: 'set the clock', mount: 'mounted', unmount: 'unmounted', service: 'changed the service' },
};

/** base returns the last part of a path. */
export const base = (path: string): string => path.slice(path.lastIndexOf('/') + 1) || path;

/** processName is what a process is called in a sentence. */
export function processName(p: Process | undefined): string {
  if (!p) return '';
  return base(p.file?.path ?? '') || p.name || `pid ${p.pid}`;
}

/** accountName is the name of an account, or its number. */
export function accountName(u: { uid: number; name?: string } | undefined): string {
  if (!u) return '';
  return u.name || (u.uid === 0xffffffff ? 'unset' : String(u.uid));
}

/** sentence says an event in words. */
export function sentence(e: Event): Sentence {
  if (e.class_name === 'authentication') return logonSentence(e);
  const p = e.process;
  const actor = p ? processName(e.class_name === 'process_activity' && e.activity_name === 'launch' ? (p.parent ?? p) : p) : 'someone';
  const verb = verbs[e.class_name]?.[e.activity_name] ?? `${e.class_name}/${e.activity_name}`.replaceAll('_', ' ');
  const inbound = e.network?.direction === 'inbound' && e.activity_name === 'open';
  const failed = e.status === 'failure' ? ' (failed)' : '';
  return { actor, verb: (inbound ? 'accepted a connection from' : verb) + failed, object: object(e) };
}

function logonSentence(e: Event): Sentence {
  const l = e.logon;
  const actor = accountName(e.user) || 'someone';
  const verb = e.activity_name === 'logoff' ? 'logged off' : e.status === 'failure' ? 'failed to log on' : 'logged on';
  const from = l?.src_ip || l?.src_host;
  const parts = [l?.service && `by ${l.service}`, l?.method && `with ${l.method}`, from && `from ${from}`, l?.command && `to run ${l.command}`];
  return { actor, verb, object: parts.filter(Boolean).join(' ') };
}

function object(e: Event): string {
  const kernel = e.kernel;
  switch (e.class_name) {
    case 'process_activity':
      return processObject(e);
    case 'file_activity':
      return [e.file?.path, e.file?.new_path && `to ${e.file.new_path}`].filter(Boolean).join(' ');
    case 'network_activity':
      return (e.activity_name === 'listen' ? e.network?.src_endpoint : e.network?.dst_endpoint) ?? '';
    case 'account_change':
      return accountName(e.user);
    case 'group_management':
      return [accountName(e.user), e.group && (e.group.name || String(e.group.gid))].filter(Boolean).join(' ');
    default:
      return kernel?.name || e.file?.path || kernel?.syscall || kernel?.type || e.message || '';
  }
}

function processObject(e: Event): string {
  switch (e.activity_name) {
    case 'launch':
      return e.process?.cmd_line || e.process?.file?.path || '';
    case 'terminate':
      return e.exit?.signal ? `killed by ${e.exit.signal}` : e.exit ? `with status ${e.exit.code}` : '';
    case 'set_user_id':
      return e.process?.effective_user ? `to ${accountName(e.process.effective_user)}` : '';
    default:
      return e.target_process ? `${processName(e.target_process)} (pid ${e.target_process.pid})` : '';
  }
}

/** Row is a value of an event with its label, and the names that rules have for it. */
export interface Row {
  label: string;
  value: string;
  fields: string[];
}

/** lineage returns the process and its ancestors, the oldest first; the server bounds it to 64. */
export function lineage(p: Process | undefined): Process[] {
  const chain: Process[] = [];
  for (let at = p; at && chain.length < 64; at = at.parent) chain.unshift(at);
  return chain;
}

/** rows lists what an event holds, in the order in which people ask. */
export function rows(e: Event): Row[] {
  const out: Row[] = [];
  const add = (label: string, value: string | number | undefined | null, ...fields: string[]) => {
    if (value !== undefined && value !== null && value !== '') out.push({ label, value: String(value), fields });
  };
  if (e.process) processRows(e.process, add);
  if (e.target_process) {
    add('Target program', e.target_process.file?.path, 'TargetImage');
    add('Target command line', e.target_process.cmd_line, 'TargetCommandLine');
    add('Target pid', e.target_process.pid, 'TargetProcessId');
  }
  add('Account', e.user && accountName(e.user), 'TargetUser', 'TargetUserId');
  add('Group', e.group && (e.group.name || e.group.gid), 'TargetGroup');
  detailRows(e, add);
  add('Outcome', e.status === 'unknown' ? '' : e.status, 'Status');
  add('Repeated', e.count && e.count > 1 ? `${e.count} times` : '');
  add('Message', e.message, 'Message', '');
  add('Audit key', e.audit_key, 'AuditKey');
  add('Seen by', e.source, 'Source');
  return out;
}

type Add = (label: string, value: string | number | undefined | null, ...fields: string[]) => void;

function processRows(p: Process, add: Add): void {
  add('Command line', p.cmd_line, 'CommandLine', 'Arguments', 'DownloadUrl', 'DownloadPath', 'DownloadHost');
  add('Program', p.file?.path, 'Image');
  add('Name', p.name && p.name !== base(p.file?.path ?? '').slice(0, 15) ? p.name : '', 'ProcessName');
  add('Pid', p.pid, 'ProcessId');
  add('User', accountName(p.user), 'User', 'UserId');
  add('Effective user', p.effective_user && accountName(p.effective_user), 'EffectiveUser', 'EffectiveUserId');
  add('Logged on as', p.login_user && accountName(p.login_user), 'LogonUser', 'LogonUserId');
  add('Folder', p.working_directory, 'CurrentDirectory');
  add('Script', p.script, 'Script');
  add('Terminal', p.tty, 'Terminal');
  for (const d of p.descriptors ?? []) {
    const name = ['Input', 'Output', 'Error'][d.fd];
    if (name) add(`Standard ${name.toLowerCase()}`, [d.kind, d.target].filter(Boolean).join(' '), `Standard${name}`, `Standard${name}Peer`);
  }
  add('SHA-256', p.file?.sha256, 'sha256', 'Hashes');
  add('Package', p.file?.package || (p.file?.owned === 'no' ? 'none' : ''), 'Package', 'PackageOwned');
  add('Program lies', p.file?.kind === 'memfd' ? 'in memory only' : p.file?.kind === 'deleted' ? 'in a deleted file' : '', 'ImageKind');
  add('Environment', p.environment?.join(' '), 'Environment');
  add('Container', p.container && [p.container.name, p.container.image, p.container.uid.slice(0, 12)].filter(Boolean).join(' '), 'ContainerName', 'ContainerImage', 'ContainerId', 'ContainerRuntime');
  add('Parent', p.parent?.file?.path, 'ParentImage');
  add('Parent command line', p.parent?.cmd_line, 'ParentCommandLine');
  add('Session came by', entryWords(p), 'EntryPoint', 'EntryAddress', 'EntryUser', 'EntryUnit');
}

function detailRows(e: Event, add: Add): void {
  add('File', e.file?.path, 'TargetFilename', 'ModulePath', 'ImageLoaded');
  add('New path', e.file?.new_path, 'NewFilename');
  add('File package', e.file?.package, 'TargetPackage');
  add('Service', e.logon?.service, 'Service');
  add('Method', e.logon?.method, 'Method');
  add('From', [e.logon?.src_ip || e.logon?.src_host, e.logon?.src_port].filter(Boolean).join(' port '), 'SourceIp', 'SourceHost', 'SourcePort');
  add('Asked to run', e.logon?.command, 'Command');
  add('Protocol', e.network?.protocol, 'Protocol');
  add('Local address', e.network?.src_endpoint, 'SourceIp', 'SourcePort');
  add('Remote address', e.network?.dst_endpoint, 'DestinationIp', 'DestinationPort');
  add('Kernel object', e.kernel?.name, 'ModuleName', 'Name', 'UnitName');
  add('Kind', e.kernel?.type, 'Type');
  add('System call', e.kernel?.syscall, 'Syscall');
  add('Request', e.kernel?.request, 'Request');
  add('Capabilities', e.kernel?.capabilities?.join(', '), 'Capabilities');
  add('Device', e.kernel?.device, 'Device');
  add('Clock moved by', e.kernel?.adjusted_ns ? `${e.kernel.adjusted_ns / 1e9} s` : '', 'AdjustedSeconds');
  add('Exit', e.exit && (e.exit.signal || e.exit.code), 'ExitSignal', 'ExitCode', 'Signal');
}

const entries: Record<string, string> = {
  ssh: 'SSH', console: 'the console', graphical: 'a graphical login', cron: 'a scheduled job', container: 'a container runtime', service: 'a service', kernel: 'the kernel', init: 'the start of the system',
};

/** entryWords says how the session of a process came into the host: "SSH from 192.0.2.7 as eve". */
export function entryWords(p: Process): string {
  const e = p.entry_point;
  if (!e?.kind) return '';
  return [entries[e.kind] ?? e.kind, e.unit && `(${e.unit})`, e.address && `from ${e.address}`, e.user && `as ${e.user}`].filter(Boolean).join(' ');
}

/** started is when the process began to run its program. */
export const started = (p: Process): string | undefined => (isZero(p.executed_time) ? (isZero(p.created_time) ? undefined : p.created_time) : p.executed_time);

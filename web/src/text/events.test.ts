import { describe, expect, it } from 'vitest';
import type { Event, Process } from '../api/model';
import { entryWords, lineage, rows, sentence } from './events';

const never = '0001-01-01T00:00:00Z';
const process = (over: Partial<Process> = {}): Process => ({
  uid: '0-7-1', pid: 7, created_time: never, executed_time: never, user: { uid: 0, name: 'root' }, entry_point: {}, file: { path: '/usr/bin/curl', changed_time: never }, cmd_line: 'curl x', ...over,
});
const event = (over: Partial<Event>): Event => ({ time: '2026-01-01T00:00:00Z', class_name: 'process_activity', class_uid: 1007, activity_name: 'launch', status: 'success', ...over });

describe('sentence', () => {
  const bash = process({ pid: 5, file: { path: '/usr/bin/bash', changed_time: never } });
  const cases: [string, Partial<Event>, string][] = [
    ['a launch', { process: process({ parent: bash }) }, 'bash ran curl x'],
    ['an end', { activity_name: 'terminate', process: process(), exit: { code: 3 } }, 'curl ended with status 3'],
    ['a kill', { activity_name: 'terminate', process: process(), exit: { code: 0, signal: 'SIGKILL' } }, 'curl ended killed by SIGKILL'],
    ['a failed logon', { class_name: 'authentication', activity_name: 'logon', status: 'failure', user: { uid: 0, name: 'root' }, logon: { service: 'sshd', src_ip: '192.0.2.7' } }, 'root failed to log on by sshd from 192.0.2.7'],
    ['a rename', { class_name: 'file_activity', activity_name: 'rename', process: bash, file: { changed_time: never, path: '/a', new_path: '/b' } }, 'bash renamed /a to /b'],
    ['an accepted connection', { class_name: 'network_activity', activity_name: 'open', process: bash, network: { protocol: 'tcp', direction: 'inbound', src_endpoint: '10.0.0.1:22', dst_endpoint: '10.0.0.2:999' } }, 'bash accepted a connection from 10.0.0.2:999'],
    ['something new', { class_name: 'new_class' as Event['class_name'], activity_name: 'dance', process: bash }, 'bash new class/dance '],
    ['nobody known', { class_name: 'kernel_extension_activity', activity_name: 'load', kernel: { name: 'evil' } }, 'someone loaded into the kernel evil'],
  ];
  for (const [name, over, want] of cases) {
    it(name, () => {
      const s = sentence(event(over));
      expect(`${s.actor} ${s.verb} ${s.object}`).toBe(want);
    });
  }
});

it('lists values under the names of rules', () => {
  const list = rows(event({ process: process({ descriptors: [{ fd: 0, kind: 'socket', target: '192.0.2.7:4444' }] }) }));
  expect(list.find((r) => r.fields.includes('CommandLine'))?.value).toBe('curl x');
  expect(list.find((r) => r.fields.includes('StandardInput'))?.value).toBe('socket 192.0.2.7:4444');
});

it('bounds lineages, also endless ones', () => {
  const p = process();
  p.parent = p;
  expect(lineage(p)).toHaveLength(64);
  expect(lineage(undefined)).toEqual([]);
});

it('says how a session came in', () => {
  expect(entryWords(process({ entry_point: { kind: 'ssh', address: '192.0.2.7', user: 'eve' } }))).toBe('SSH from 192.0.2.7 as eve');
  expect(entryWords(process())).toBe('');
});

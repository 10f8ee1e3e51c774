import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Assignment, Host } from '../api/model';
import { counts, effects, featureNames, fits, policyOf, read, same, sentence, whereOf, words } from './policies';

const host = (uid: string, labels: Record<string, string> = {}) => ({ uid, labels }) as Host;
const all: Assignment[] = [
  { policy: { heartbeat_seconds: 30 } },
  { labels: { group: 'web', site: '' }, policy: { disable: ['netsense'] } },
  { host: 'h2', policy: { raw_records: true } },
];
const web = { group: 'web', site: '' };

it('knows every feature of the documentation', () => {
  const rows = readFileSync('../docs/features.md', 'utf8').matchAll(/^\| \[(\w+)\]\(/gm);
  expect([...rows].map((m) => m[1]).sort()).toEqual([...featureNames].sort());
});

it.each([
  ['any host', host('h1'), 0],
  ['all labels', host('h1', web), 1],
  ['one of two labels', host('h1', { group: 'web' }), 0],
  ['a label of another value', host('h1', { ...web, group: 'db' }), 0],
  ['a host that comes after its labels', host('h2', web), 2],
])('lets the last assignment that fits count: %s', (_, h, want) => expect(counts(all, h)).toBe(want));

it('falls back to the built-in policy', () => {
  expect(counts(all.slice(1), host('h1'))).toBe(-1);
  expect(policyOf([], host('h1'))).toEqual({});
});

it('takes no label from a prototype', () => expect(fits({ labels: { constructor: 'x' }, policy: {} }, host('h1'))).toBe(false));

describe('words', () => {
  it('say what differs from the defaults', () =>
    expect(sentence({ only: ['audit', 'perf'], disable: ['perf'], raw_records: true, heartbeat_seconds: 3600, spool_bytes: 2 ** 30 })).toBe(
      'only audit, perf; without perf; raw records; heartbeat every 3,600 s; spool of 1.0 GiB',
    ));
  it('are none for the defaults', () => expect(words({ only: [], disable: [], heartbeat_seconds: 0 })).toEqual([]));
});

it('compares what policies ask for', () => {
  expect(same({ only: ['perf', 'audit'] }, { only: ['audit', 'perf', 'perf'], disable: [] })).toBe(true);
  expect(same({}, { raw_records: true })).toBe(false);
});

it('says which hosts get another policy', () => {
  const hosts = [host('h1'), host('h2', web), host('h3', web), host('h4', web)];
  const found = effects(all, [all[0] as Assignment, all[2] as Assignment], hosts);
  expect(found.map((e) => [sentence(e.from), sentence(e.to), e.hosts.map((h) => h.uid)])).toEqual([['without netsense', 'heartbeat every 30 s', ['h3', 'h4']]]);
  expect(effects(all, all, hosts)).toEqual([]);
});

it.each([
  ['invalid: assignment 2: policy: heartbeat_seconds: 1 is not between 5 and 3600', '', { index: 1, field: 'heartbeat_seconds' }],
  ['assignment 12: there is no host "hx"', '', { index: 11, field: 'host' }],
  ['assignment 1: labels: "": keys have 1 to 63 bytes', '', { index: 0, field: 'labels' }],
  ['assignment 1: policy: only, disable: more than 64 features', '', { index: 0, field: '' }],
  ['validation failed', 'assignments[3].policy.spool_bytes', { index: 3, field: 'spool_bytes' }],
  ['validation failed', 'assignments[3].labels.group', { index: 3, field: 'labels' }],
  ['validation failed', 'assignments[0]', { index: 0, field: '' }],
  ['1001 are more than 1000', 'assignments', undefined],
])('finds the place of a fault: %s %s', (message, path, want) => expect(whereOf(message, path)).toEqual(want));

describe('read', () => {
  it('takes what the server may judge', () => {
    const document = { assignments: [{ labels: { a: 'b' }, policy: { only: ['no such feature'], heartbeat_seconds: 1 } }] };
    expect(read(document)).toEqual({ all: document.assignments, wrong: '' });
    expect(read({ assignments: [] })).toEqual({ all: [], wrong: '' });
  });
  it.each([
    ['nothing', null, 'no list “assignments”'],
    ['a list', [], 'no list “assignments”'],
    ['another setting', { assignments: [], version: 3 }, '“version”'],
    ['a text for an assignment', { assignments: [{ policy: {} }, 'x'] }, 'Assignment 2: it is no'],
    ['no policy', { assignments: [{ host: 'h1' }] }, '“policy” is missing'],
    ['a number for a host', { assignments: [{ host: 7, policy: {} }] }, '“host”'],
    ['a list of labels', { assignments: [{ labels: ['a'], policy: {} }] }, '“labels”'],
    ['a number for a label', { assignments: [{ labels: { rack: 7 }, policy: {} }] }, '“rack” is no text'],
    ['a text for a list', { assignments: [{ policy: { only: 'perf' } }] }, '“only” is not a list'],
    ['a fraction', { assignments: [{ policy: { heartbeat_seconds: 7.5 } }] }, '“heartbeat_seconds” is not a whole number'],
  ])('refuses %s', (_, document, want) => {
    const { all: taken, wrong } = read(document);
    expect(wrong).toContain(want);
    expect(taken).toEqual([]);
  });
});

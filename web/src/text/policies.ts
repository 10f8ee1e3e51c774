// Policies as people read them: for which hosts an assignment is, what it asks
// for, what a change would do, and where in them the server found a fault.
import type { Assignment, Host, Policy } from '../api/model';
import { bytes, exact } from './numbers';

/** featureNames are the features that a policy can name. A test holds them to docs/features.md. */
export const featureNames: readonly string[] = ['audit', 'authlog', 'netsense', 'perf', 'procfs'];

const builtIn: Policy = {};

/** fits reports whether an assignment is for a host. */
export function fits(a: Assignment, host: Pick<Host, 'uid' | 'labels'>): boolean {
  if (a.host && a.host !== host.uid) return false;
  return Object.entries(a.labels ?? {}).every(([key, value]) => Object.hasOwn(host.labels, key) && host.labels[key] === value);
}

/** counts returns the index of the assignment that counts for a host, the last one that fits; -1 for none, which is the built-in policy. */
export const counts = (all: readonly Assignment[], host: Pick<Host, 'uid' | 'labels'>): number => all.findLastIndex((a) => fits(a, host));

/** policyOf is the policy of a host. */
export const policyOf = (all: readonly Assignment[], host: Pick<Host, 'uid' | 'labels'>): Policy => all[counts(all, host)]?.policy ?? builtIn;

/** words says what a policy asks for beyond the defaults, in parts; none for the built-in one. */
export function words(p: Policy): string[] {
  const parts: string[] = [];
  if (p.only && p.only.length > 0) parts.push(`only ${p.only.join(', ')}`);
  if (p.disable && p.disable.length > 0) parts.push(`without ${p.disable.join(', ')}`);
  if (p.raw_records) parts.push('raw records');
  if (p.heartbeat_seconds) parts.push(`heartbeat every ${exact(p.heartbeat_seconds)} s`);
  if (p.spool_bytes) parts.push(`spool of ${bytes(p.spool_bytes)}`);
  return parts;
}

/** sentence is words as one text. */
export const sentence = (p: Policy): string => words(p).join('; ') || 'the defaults';

/** same reports whether two policies ask for the same, whatever the order and the empty settings. */
export const same = (a: Policy, b: Policy): boolean => content(a) === content(b);

const content = (p: Policy): string => JSON.stringify([names(p.only), names(p.disable), p.raw_records ?? false, p.heartbeat_seconds ?? 0, p.spool_bytes ?? 0]);

const names = (list: readonly string[] | null | undefined): string[] => [...new Set(list ?? [])].sort();

/** Effect is what becomes of hosts that get another policy. */
export interface Effect {
  from: Policy;
  to: Policy;
  hosts: Host[];
}

/** effects says which hosts get another policy, most hosts first. */
export function effects(before: readonly Assignment[], after: readonly Assignment[], hosts: readonly Host[]): Effect[] {
  const found = new Map<string, Effect>();
  for (const host of hosts) {
    const [from, to] = [policyOf(before, host), policyOf(after, host)];
    if (same(from, to)) continue;
    const key = `${content(from)} ${content(to)}`;
    const effect = found.get(key) ?? { from, to, hosts: [] };
    effect.hosts.push(host);
    found.set(key, effect);
  }
  return [...found.values()].sort((a, b) => b.hosts.length - a.hosts.length);
}

/** Where is the place of a fault: the index of the assignment, and its setting, "" for none in particular. */
export interface Where {
  index: number;
  field: string;
}

const fields = ['host', 'labels', 'only', 'disable', 'raw_records', 'heartbeat_seconds', 'spool_bytes'];
const counted = /\bassignment (\d+): (?:policy: )?(.*)$/s;
const pathed = /^assignments\[(\d+)\]\.?(.*)$/;

/** whereOf finds the place of the fault that a sentence of the server names; undefined where it names none. */
export function whereOf(message: string, path = ''): Where | undefined {
  const deep = pathed.exec(path);
  if (deep) return { index: Number(deep[1]), field: fields.find((f) => deep[2]?.split(/[.[]/).includes(f)) ?? '' };
  const said = counted.exec(message);
  if (!said) return undefined;
  const rest = said[2] ?? '';
  if (rest.startsWith('there is no host')) return { index: Number(said[1]) - 1, field: 'host' };
  return { index: Number(said[1]) - 1, field: fields.find((f) => rest.startsWith(`${f}:`)) ?? '' };
}

type Fields = Record<string, unknown>;

const isMap = (v: unknown): v is Fields => typeof v === 'object' && v !== null && !Array.isArray(v);
const isTexts = (v: unknown): boolean => Array.isArray(v) && v.every((t) => typeof t === 'string');

/** The types of settings, so far as showing them needs; what they may hold is the server's to say. */
const types: Record<string, [(v: unknown) => boolean, string]> = {
  only: [isTexts, 'a list of texts'],
  disable: [isTexts, 'a list of texts'],
  raw_records: [(v) => typeof v === 'boolean', 'true or false'],
  heartbeat_seconds: [Number.isSafeInteger, 'a whole number'],
  spool_bytes: [Number.isSafeInteger, 'a whole number'],
};

/** read takes policies from a document that was read from text; wrong says in words what it is not, "" for nothing. */
export function read(document: unknown): { all: Assignment[]; wrong: string } {
  const all = isMap(document) ? document['assignments'] : undefined;
  if (!Array.isArray(all)) return { all: [], wrong: 'There is no list “assignments”. Write “assignments: []” to remove all policies.' };
  const other = Object.keys(document as Fields).find((key) => key !== 'assignments');
  if (other !== undefined) return { all: [], wrong: `There is no setting “${other}” beside “assignments”.` };
  for (const [i, one] of all.entries()) {
    const wrong = wrongWith(one);
    if (wrong) return { all: [], wrong: `Assignment ${i + 1}: ${wrong}.` };
  }
  return { all: all as Assignment[], wrong: '' };
}

function wrongWith(one: unknown): string {
  if (!isMap(one)) return 'it is no assignment; it needs “policy”, and “host” or “labels” unless it is for every host';
  if (!isMap(one['policy'])) return '“policy” is missing; “policy: {}” stands for the defaults';
  if ('host' in one && typeof one['host'] !== 'string') return '“host” is not the uid of a host';
  const labels = one['labels'] ?? {};
  if (!isMap(labels)) return '“labels” is not of the form name: value';
  const odd = Object.keys(labels).find((key) => typeof labels[key] !== 'string');
  if (odd !== undefined) return `the label “${odd}” is no text; put its value in quotes`;
  for (const [name, [fitting, what]] of Object.entries(types)) {
    if (name in one['policy'] && !fitting(one['policy'][name])) return `“${name}” is not ${what}`;
  }
  return '';
}

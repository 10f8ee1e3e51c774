// Exceptions as people read and type them: what one covers in words, whether
// it is in force, what is still wrong with one that is being made.
import type { Condition, Exception, ExceptionBody, ExceptionPreview, ExceptionScope } from '../api/model';
import { parseLabels } from './labels';
import { exact, plural } from './numbers';
import { fold, visible } from './safe';

type Field = Condition['field'];
type Op = Condition['op'];

/** fieldNames are what conditions can name of an alert, in words; those of the process are of the one that did it. */
export const fieldNames: Record<Field, string> = {
  'process.executable': 'program',
  'process.command_line': 'command line',
  'process.name': 'process name',
  'process.sha256': 'SHA-256 of the program',
  'process.package': 'package of the program',
  'parent.executable': 'parent’s program',
  'parent.command_line': 'parent’s command line',
  'ancestor.executable': 'an ancestor’s program',
  'user.name': 'user',
  'session.entry': 'way in',
  'file.path': 'file',
  'file.sha256': 'SHA-256 of the file',
  'remote.address': 'remote address',
  'remote.port': 'remote port',
  'container.image': 'container image',
  'container.name': 'container name',
  'host.name': 'host name',
  message: 'message',
};

/** opWords say how a condition compares, and how it does with "not". */
export const opWords: Record<Op, readonly [is: string, not: string]> = {
  equals: ['is', 'is not'],
  contains: ['contains', 'does not contain'],
  starts_with: ['starts with', 'does not start with'],
  ends_with: ['ends with', 'does not end with'],
  matches: ['looks like', 'does not look like'],
  cidr: ['is in the network', 'is not in the network'],
};

/** addressOnly reports whether a way to compare is for addresses alone. */
export const addressOnly = (op: Op): boolean => op === 'cidr';

const known = <K extends string, V>(names: Record<K, V>, key: K): V | undefined => (Object.hasOwn(names, key) ? names[key] : undefined);

/** conditionText writes a condition in words. Its values may come from a host. */
export function conditionText({ field, op, values, not }: Condition): string {
  const verb = known(opWords, op)?.[not ? 1 : 0] ?? op;
  const shown = values.slice(0, 3).map((v) => `“${visible(fold(v, 80))}”`);
  const more = values.length > 3 ? [`${exact(values.length - 3)} more`] : [];
  return `${known(fieldNames, field) ?? field} ${verb} ${[...shown, ...more].join(' or ')}`;
}

/** Names turn the ids of an exception's scope into what people call them. */
export interface Names {
  rules: ReadonlyMap<string, string>;
  types: ReadonlyMap<string, string>;
  hosts: ReadonlyMap<string, string>;
}

function list(ids: readonly string[], names: ReadonlyMap<string, string>, or: string): string {
  const shown = ids.slice(0, 2).map((id) => visible(fold(names.get(id) ?? id, 80)));
  return ids.length > 2 ? `${shown.join(', ')} and ${exact(ids.length - 2)} more` : shown.join(` ${or} `);
}

/** scopeText writes in words which alerts an exception is about: its rules, then where. */
export function scopeText({ rules, alert_types, hosts, labels }: ExceptionScope, names: Names): string {
  const what = [rules.length > 0 && list(rules, names.rules, 'or'), alert_types.length > 0 && list(alert_types, names.types, 'or')].filter(Boolean).join(', and of type ');
  const where = [
    hosts.length > 0 && `on ${list(hosts, names.hosts, 'and')}`,
    Object.keys(labels).length > 0 && `on hosts with ${Object.entries(labels).map(([k, v]) => visible(fold(v === '' ? k : `${k}=${v}`, 60))).join(', ')}`,
  ].filter(Boolean);
  return `${what}${where.length > 0 ? `, ${where.join(', ')}` : ', on every host'}`;
}

/** matchText writes the conditions of an exception in words. */
export function matchText({ match }: Pick<Exception, 'match'>): string {
  return match.length === 0 ? 'whatever the alert says' : match.map(conditionText).join(', and ');
}

export type ExceptionState = 'active' | 'expired' | 'disabled';

/** stateOf says whether an exception hides anything now. */
export function stateOf({ enabled, expires_time }: Pick<Exception, 'enabled' | 'expires_time'>, now: number): ExceptionState {
  if (!enabled) return 'disabled';
  return expires_time && Date.parse(expires_time) <= now ? 'expired' : 'active';
}

/** TypedCondition is a condition that is being typed. */
export type TypedCondition = Required<Condition> & { id: number };

/** Typed is an exception that is being typed. */
export interface Typed {
  name: string;
  reason: string;
  enabled: boolean;
  rules: string[];
  types: string[];
  hosts: string[];
  /** As "group=web". */
  labels: string[];
  match: TypedCondition[];
  wholeRule: boolean;
  /** One of lifetimes, or "day". */
  lifetime: string;
  /** The last day, "2026-12-24", where lifetime is "day". */
  day: string;
}

/** lifetimes are for how long an exception may hold, in days; 0 is for ever. */
export const lifetimes: Record<string, { days: number; label: string }> = {
  never: { days: 0, label: 'Until somebody ends it' },
  '1d': { days: 1, label: 'For a day' },
  '7d': { days: 7, label: 'For 7 days' },
  '30d': { days: 30, label: 'For 30 days' },
  '90d': { days: 90, label: 'For 90 days' },
};

const dayLength = 24 * 3600_000;
const kinds = ['alert'];
let lastID = 0;

/** newCondition is a condition with nothing typed yet. */
export const newCondition = (field: Field = 'process.executable'): TypedCondition => ({ id: ++lastID, field, op: 'equals', values: [], not: false });

/** typedOf is an exception, or what the server suggests, as it is typed; undefined for an empty form. */
export function typedOf(from: ExceptionBody | undefined): Typed {
  const scope = from?.scope;
  const day = from?.expires_time ? localDay(new Date(Date.parse(from.expires_time) - 1)) : '';
  return {
    name: from?.name ?? '',
    reason: from?.reason ?? '',
    enabled: from?.enabled ?? true,
    rules: scope?.rules ?? [],
    types: scope?.alert_types ?? [],
    hosts: scope?.hosts ?? [],
    labels: Object.entries(scope?.labels ?? {}).map(([k, v]) => (v === '' ? k : `${k}=${v}`)),
    match: (from?.match ?? []).map(({ field, op, values, not = false }) => ({ id: ++lastID, field, op, values, not })),
    wholeRule: from?.whole_rule ?? false,
    lifetime: day ? 'day' : 'never',
    day,
  };
}

const localDay = (d: Date): string => `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`;

/** expiryOf is when what is typed ends; undefined for never. A day counts to its end. */
function expiryOf({ lifetime, day }: Typed, now: number): string | undefined {
  if (lifetime === 'day') {
    const [y, m, d] = day.split('-').map(Number);
    const end = new Date(y ?? 0, (m ?? 1) - 1, (d ?? 0) + 1).getTime();
    return day === '' || Number.isNaN(end) ? undefined : new Date(end).toISOString();
  }
  const days = known(lifetimes, lifetime)?.days ?? 0;
  return days > 0 ? new Date(now + days * dayLength).toISOString() : undefined;
}

/** bodyOf is what is typed as the interface takes it. */
export function bodyOf(t: Typed, now: number): ExceptionBody {
  const expires = expiryOf(t, now);
  return {
    name: t.name.trim(),
    reason: t.reason.trim(),
    enabled: t.enabled,
    ...(expires ? { expires_time: expires } : {}),
    scope: { hosts: t.hosts, labels: parseLabels(t.labels.join('\n')).labels, rules: t.rules, alert_types: t.types, kinds } as ExceptionScope,
    match: t.match.map(({ id: _, not, ...c }) => ({ ...c, ...(not ? { not } : {}) })),
    whole_rule: t.wholeRule && !demanding(t),
  };
}

/** demanding reports whether a condition says what the alert must have: without one, all of a rule's alerts are hidden, or nearly so. */
export const demanding = ({ match }: Pick<Typed, 'match'>): boolean => match.some((c) => !c.not);

/** coverFault says in words what stands against asking what an exception would hide; "" for nothing. */
export function coverFault(t: Typed): string {
  if (t.rules.length === 0 && t.types.length === 0) return 'Choose at least one rule or alert type.';
  const { wrong } = parseLabels(t.labels.join('\n'));
  if (wrong) return wrong;
  const empty = t.match.find((c) => c.values.length === 0);
  if (empty) return `The condition on the ${fieldNames[empty.field]} has no value yet.`;
  if (!demanding(t) && !t.wholeRule) return 'Add a condition that says what the alert must have, or hide everything of the rules.';
  return '';
}

/** fault says in words what is missing before an exception can be saved; "" for nothing. */
export function fault(t: Typed): string {
  if (t.name.trim() === '') return 'Give it a name.';
  if (t.reason.trim() === '') return 'Say why these alerts are wanted.';
  if (t.lifetime === 'day' && t.day === '') return 'Choose the last day.';
  return coverFault(t);
}

/** impactText says what an exception would have hidden. */
export function impactText({ hidden, total, complete }: Pick<ExceptionPreview, 'hidden' | 'total' | 'complete'>, days: number): string {
  const span = `the last ${plural(days, 'day')}`;
  const least = complete ? '' : 'at least ';
  if (total === 0) return `Nothing to hide: no alert of these rules came in ${span}.`;
  if (hidden === 0) return `Would have hidden none of ${span}’ ${plural(total, 'alert')} of these rules.`;
  if (hidden === total && complete) return total === 1 ? `Would have hidden the only alert of these rules in ${span}.` : `Would have hidden all ${plural(total, 'alert')} of these rules in ${span}.`;
  return `Would have hidden ${least}${exact(hidden)} of ${span}’ ${plural(total, 'alert')} of these rules.`;
}

/** samplesText says how many of the attacks that the rules are tested with an exception would hide; "" where there are none. */
export function samplesText({ samples_hidden: hidden, samples_total: total }: Pick<ExceptionPreview, 'samples_hidden' | 'samples_total'>): string {
  const all = plural(total, 'recorded attack');
  if (total === 0) return '';
  if (hidden === 0) return `Hides none of the ${all} that these rules are tested with.`;
  if (hidden === total) return total === 1 ? 'Hides the only recorded attack that these rules are tested with.' : `Hides all ${all} that these rules are tested with.`;
  return `Hides ${exact(hidden)} of the ${all} that these rules are tested with.`;
}

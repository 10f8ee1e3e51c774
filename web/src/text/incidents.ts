// Incidents in words, and the views of their list.
import { type EntityKind, type Incident, type Link, type LinkKind, severities, statuses } from '../api/model';
import { plural } from './numbers';
import { fold, visible } from './safe';
import { type ListView, listView } from './listview';

/** Facets by which incidents are narrowed. */
export const facets = ['status', 'severity', 'host', 'tactic', 'assignee'] as const;
export type Facet = (typeof facets)[number];

export const orders = ['-last_time', 'last_time', '-severity', '-score'] as const;
export type Order = (typeof orders)[number];

/** IncidentView is what the list shows. */
export type IncidentView = ListView<Facet, Order>;

export const { parse, queryString, narrowed, toggled, request } = listView<Facet, Order>({ facets, orders, allowed: { status: statuses, severity: severities } });

/** linkNames say in a few words what sort of evidence joins two lines. */
export const linkNames: Record<LinkKind, string> = {
  process: 'same processes',
  file: 'written, then run',
  session: 'same logon session',
  connection: 'two ends of a connection',
  shared: 'something in common',
  method: 'same method on several hosts',
  host: 'same host, same time',
  rarity: 'two rare things at once',
  order: 'next step of an attack',
};

const causes: readonly LinkKind[] = ['process', 'file', 'session', 'connection'];

/** causal reports whether one end of a link brought about the other; else both merely share something. */
export const causal = (link: Pick<Link, 'kinds'>): boolean => link.kinds.some((k) => causes.includes(k));

/** kindsText names the kinds of a link, strongest first. */
export const kindsText = (link: Pick<Link, 'kinds'>): string => link.kinds.map((k) => linkNames[k] ?? k).join(', ');

export const entityNames: Record<EntityKind, string> = {
  process: 'Process',
  file: 'File',
  hash: 'Content (SHA-256)',
  session: 'Logon session',
  connection: 'Connection',
  address: 'Address',
  domain: 'Domain',
  account: 'Account',
  key: 'Public key',
  image: 'Container image',
};

/** hostsText names hosts in the order in which they were reached, at most so many. */
export function hostsText(hosts: readonly string[], names: Readonly<Record<string, string>>, most: number): string {
  const shown = hosts.slice(0, most).map((h) => visible(fold((Object.hasOwn(names, h) && names[h]) || h, 64)));
  const more = hosts.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** Step is a tactic of an attack with what an incident shows of it. */
export interface Step {
  tactic: string;
  /** Indexes of the story's lines. */
  lines: number[];
  /** Its place in the chain that the score is made of, from 1; 0 for none. */
  place: number;
}

/** steps says for each of the tactics what an incident shows of it. */
export function steps({ story, tactics }: Pick<Incident, 'story' | 'tactics'>, all: readonly string[]): Step[] {
  return all.map((tactic) => ({
    tactic,
    lines: story.flatMap((line, i) => (line.tactics.includes(tactic as never) ? [i] : [])),
    place: tactics.indexOf(tactic as never) + 1,
  }));
}

/** Stretch is lines of a story that follow each other on one host. */
export interface Stretch {
  host: string;
  name: string;
  /** Index of the first line. */
  from: number;
  lines: Incident['story'];
}

/** stretches cuts a story where it goes over to another host. */
export function stretches(story: Incident['story']): Stretch[] {
  const out: Stretch[] = [];
  for (const [i, line] of story.entries()) {
    const last = out.at(-1);
    if (last && last.host === line.host) last.lines.push(line);
    else out.push({ host: line.host, name: line.host_name || line.host, from: i, lines: [line] });
  }
  return out;
}

/** Following is which incident the page of one shows: the one that was asked for, or the one that it became part of. */
export interface Following {
  uid: string;
  /** It was shown. */
  shown: boolean;
  /** When the one that was asked for became part of this one: before it was opened, or while it was shown. */
  moved: 'never' | 'before' | 'meanwhile';
}

/** follow says what to show when the server answers for an incident, perhaps with another that it became part of. */
export function follow(f: Following, answered: string): Following {
  if (answered === f.uid) return f.shown ? f : { ...f, shown: true };
  return { uid: answered, shown: true, moved: f.shown ? 'meanwhile' : 'before' };
}

/** lineCount says how much of a story is there. */
export function lineCount({ story, count, omitted }: Pick<Incident, 'story' | 'count' | 'omitted'>): string {
  const told = `${plural(story.length, 'line')} from ${plural(count, 'signal')}`;
  return omitted > 0 ? `${told}; ${plural(omitted, 'signal')} left out for lack of room` : told;
}

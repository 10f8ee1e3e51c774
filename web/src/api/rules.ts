// Rules, the documents in which people write their own, and what may be asked
// of a rule before it is in force.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { client as typed, must } from './client';
import { keys } from './keys';
import type { Count, Event, Match, Severity } from './model';

// biome-ignore lint: until the generated schema has the operations
const client: any = typed;

export type RuleState = 'draft' | 'test' | 'live';
/** ruleStates are the states of a rule document in the order of its life. */
export const ruleStates = ['draft', 'test', 'live'] as const;

export type RuleSource = 'built-in' | 'files' | 'console';
/** ruleSources are where rules come from. */
export const ruleSources = ['built-in', 'files', 'console'] as const;

export interface Rule {
  uid: string;
  title: string;
  alert_type: string;
  severity: Severity;
  path: string;
  techniques: string[];
  tactics: string[];
  source: RuleSource;
  state: RuleState;
  doc: string;
  level: string;
  logsource: string;
  kind: 'detection' | 'correlation' | 'filter';
  author: string;
  description: string;
  false_positives: string[];
  references: string[];
  alerts_30d: number;
}
export interface RuleDetail extends Rule {
  text: string;
  line: number;
}
export interface RuleMatch {
  time: string;
  host: string;
  rule: string;
  title: string;
  description: string;
  serial: number;
}
export interface RuleDoc {
  uid: string;
  text?: string;
  state: RuleState;
  version: number;
  author: string;
  changed_time: string;
  note: string;
  rules: { uid: string; title: string; level: Severity }[];
  bytes: number;
  removed?: boolean;
  matches: number;
  last_match_time?: string;
  samples: RuleMatch[];
}
export interface RuleProblem {
  name?: string;
  line: number;
  reason: string;
}
export interface CheckedRule {
  uid: string;
  title: string;
  level: Severity;
  line: number;
  tactics: string[];
  techniques: string[];
}
export interface RuleCheck {
  rules: CheckedRule[];
  problems: RuleProblem[];
}
export interface RuleDryRun {
  text: string;
  name?: string;
  since?: string;
  until?: string;
  host?: string;
}
export interface DryRunMatch {
  rule: string;
  title: string;
  event: Event;
  matches: Match[];
}
export interface DryRunResult {
  scanned: number;
  matched: number;
  complete: boolean;
  stopped?: string;
  since: string;
  until: string;
  took_ms: number;
  over_time: { start: string; count: number }[];
  hosts: Count[];
  rules: Count[];
  events: DryRunMatch[];
  problems: RuleProblem[];
}
export interface TechniqueCoverage {
  technique: string;
  name: string;
  rules: string[];
  live: number;
  test: number;
  alerts_30d: number;
}
export interface TacticCoverage {
  tactic: string;
  techniques: TechniqueCoverage[];
}
export interface RuleCoverage {
  version: string;
  tactics: TacticCoverage[];
}

const docKeys = {
  all: ['rule-docs'] as const,
  list: ['rule-docs', 'list'] as const,
  one: (name: string) => ['rule-docs', 'one', name] as const,
  history: (name: string) => ['rule-docs', 'history', name] as const,
};

/** useRuleList are all rules that are evaluated, those in test too. */
export function useRuleList() {
  return useQuery({ queryKey: keys.rules, queryFn: () => must<{ items: Rule[] }>(client.GET('/rules')), staleTime: 60_000 });
}

/** useRule is one rule with the file that holds it. */
export function useRule(uid: string) {
  return useQuery({ queryKey: [...keys.rules, 'one', uid], queryFn: ({ signal }) => must<RuleDetail>(client.GET('/rules/{uid}', { params: { path: { uid } }, signal })) });
}

/** useCoverage is which techniques of ATT&CK have rules. */
export function useCoverage() {
  return useQuery({ queryKey: [...keys.rules, 'coverage'], queryFn: ({ signal }) => must<RuleCoverage>(client.GET('/rules/coverage', { signal })), staleTime: 60_000 });
}

/** useRuleDocs are all rule documents, without their texts. */
export function useRuleDocs() {
  return useQuery({ queryKey: docKeys.list, queryFn: ({ signal }) => every((after) => must<{ items: RuleDoc[]; next?: string }>(client.GET('/rule-docs', { params: { query: { limit: 1000, ...(after ? { after } : {}) } }, signal }))) });
}

async function every<T>(part: (after: string | undefined) => Promise<{ items: T[]; next?: string }>): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await part(after);
    all.push(...items);
    after = next;
  } while (after);
  return all;
}

/** useRuleDoc is one document with its text. */
export function useRuleDoc(name: string) {
  return useQuery({
    queryKey: docKeys.one(name),
    queryFn: ({ signal }) => must<RuleDoc>(client.GET('/rule-docs/one', { params: { query: { name } }, signal })),
    enabled: name !== '',
  });
}

/** useRuleHistory are the versions of a document, the newest first. */
export function useRuleHistory(name: string) {
  return useQuery({ queryKey: docKeys.history(name), queryFn: ({ signal }) => must<{ items: RuleDoc[] }>(client.GET('/rule-docs/history', { params: { query: { name } }, signal })) });
}

/** NewVersion is a version of a document to be stored, over the given one; 0 for a document that is not there yet. */
export interface NewVersion {
  name: string;
  over: number;
  text: string;
  state: RuleState;
  note: string;
}

/** useSaveDoc stores a version, unless somebody else stored another one meanwhile. */
export function useSaveDoc() {
  const forget = useForget();
  return useMutation({
    mutationFn: ({ name, over, text, state, note }: NewVersion) =>
      must<RuleDoc>(client.PUT('/rule-docs/one', { params: { query: { name }, header: over > 0 ? { 'If-Match': `"${over}"` } : { 'If-None-Match': '*' } }, body: { text, state, note } })),
    onSettled: (_doc, _error, { name }) => forget(name),
  });
}

export function useDropDoc() {
  const forget = useForget();
  return useMutation({
    mutationFn: ({ uid, version }: Pick<RuleDoc, 'uid' | 'version'>) => must(client.DELETE('/rule-docs/one', { params: { query: { name: uid }, header: { 'If-Match': `"${version}"` } } })),
    onSettled: (_nothing, _error, { uid }) => forget(uid),
  });
}

/** useForget makes stale what a change of a document changes. */
function useForget() {
  const queries = useQueryClient();
  return (name: string) => {
    void queries.invalidateQueries({ queryKey: keys.rules });
    void queries.invalidateQueries({ queryKey: docKeys.list });
    void queries.invalidateQueries({ queryKey: docKeys.history(name) });
    void queries.invalidateQueries({ queryKey: docKeys.one(name) });
  };
}

/** useRuleCheck says what is wrong with a text; while the next answer is awaited the one before stays. */
export function useRuleCheck(text: string, name: string) {
  return useQuery({
    queryKey: ['rule-check', name, text],
    queryFn: ({ signal }) => must<RuleCheck>(client.POST('/rules/check', { body: { text, ...(name ? { name } : {}) }, signal })),
    enabled: text.trim() !== '',
    placeholderData: (before) => before,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 30_000,
    refetchOnWindowFocus: false,
  });
}

/** useDryRun finds what a text would have matched in the stored events. */
export function useDryRun() {
  return useMutation({ mutationFn: ({ signal, ...body }: RuleDryRun & { signal: AbortSignal }) => must<DryRunResult>(client.POST('/rules/dry-run', { body, signal })) });
}

/** useRuleExceptions are the exceptions that name a rule. */
export function useRuleExceptions(rule: string) {
  return useQuery({
    queryKey: ['exceptions', 'rule', rule],
    queryFn: ({ signal }) => must<{ items: RuleException[] }>(client.GET('/exceptions', { params: { query: { rule, limit: 100 } }, signal })),
  });
}

/** RuleException is what of an exception is shown with a rule. */
export interface RuleException {
  uid: string;
  name: string;
  reason: string;
  created_by: string;
  enabled: boolean;
  expires_time?: string | null;
  hits: number;
}

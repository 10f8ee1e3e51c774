// Rules, the documents in which people write their own, and what may be asked
// of a rule before it is in force.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { client, must } from './client';
import { keys } from './keys';
import { useMay } from './queries';
import type { components } from './schema';

type Schemas = components['schemas'];

export type Rule = Schemas['Rule'];
export type RuleDetail = Schemas['RuleDetail'];
export type RuleDoc = Schemas['RuleDoc'];
export type RuleProblem = Schemas['RuleProblem'];
export type CheckedRule = Schemas['CheckedRule'];
export type DryRunMatch = Schemas['DryRunMatch'];
export type DryRunResult = Schemas['RuleDryRunResult'];
export type TechniqueCoverage = Schemas['TechniqueCoverage'];
export type TacticCoverage = Schemas['TacticCoverage'];
export type RuleCoverage = Schemas['RuleCoverage'];

export type RuleState = RuleDoc['state'];
/** ruleStates are the states of a rule document in the order of its life. */
export const ruleStates = ['draft', 'test', 'live'] as const satisfies RuleState[];

export type RuleSource = Rule['source'];
/** ruleSources are where rules come from. */
export const ruleSources = ['built-in', 'files', 'console'] as const satisfies RuleSource[];

const docKeys = {
  list: [...keys.ruleDocs, 'list'] as const,
  one: (name: string) => [...keys.ruleDocs, 'one', name] as const,
  history: (name: string) => [...keys.ruleDocs, 'history', name] as const,
};

/** useRuleList are all rules that are evaluated, those in test too. */
export function useRuleList() {
  return useQuery({ queryKey: keys.rules, queryFn: () => must(client.GET('/rules')), staleTime: 60_000 });
}

/** useRule is one rule with the file that holds it. */
export function useRule(uid: string) {
  return useQuery({ queryKey: [...keys.rules, 'one', uid], queryFn: ({ signal }) => must(client.GET('/rules/{uid}', { params: { path: { uid } }, signal })) });
}

/** useCoverage is which techniques of ATT&CK have rules. */
export function useCoverage() {
  return useQuery({ queryKey: [...keys.rules, 'coverage'], queryFn: ({ signal }) => must(client.GET('/rules/coverage', { signal })), staleTime: 60_000 });
}

/** useRuleDocs are all rule documents, without their texts. */
export function useRuleDocs() {
  return useQuery({ queryKey: docKeys.list, queryFn: ({ signal }) => every((after) => must(client.GET('/rule-docs', { params: { query: { limit: 1000, ...(after ? { after } : {}) } }, signal }))) });
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

/** useRuleDoc is one document with its text; while it is being removed it is not asked for. */
export function useRuleDoc(name: string, removing: boolean) {
  return useQuery({
    queryKey: docKeys.one(name),
    queryFn: ({ signal }) => must(client.GET('/rule-docs/document', { params: { query: { name } }, signal })),
    enabled: !removing,
  });
}

/** useRuleHistory are the versions of a document, the newest first. */
export function useRuleHistory(name: string) {
  return useQuery({ queryKey: docKeys.history(name), queryFn: ({ signal }) => must(client.GET('/rule-docs/history', { params: { query: { name } }, signal })) });
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
      must(client.PUT('/rule-docs/document', { params: { query: { name }, header: { 'If-Match': `"${over}"` } }, body: { text, state, note } })),
    onSettled: (_doc, _error, { name }) => forget(name),
  });
}

export function useDropDoc() {
  const forget = useForget();
  return useMutation({
    mutationFn: ({ uid, version }: Pick<RuleDoc, 'uid' | 'version'>) => must(client.DELETE('/rule-docs/document', { params: { query: { name: uid }, header: { 'If-Match': `"${version}"` } } })),
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
  const may = useMay('responder');
  return useQuery({
    queryKey: ['rule-check', name, text],
    queryFn: ({ signal }) => must(client.POST('/rules/check', { body: { text, ...(name ? { name } : {}) }, signal })),
    enabled: may && text.trim() !== '',
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 30_000,
    refetchOnWindowFocus: false,
  });
}

/** useDryRun finds what a text would have matched in the stored events. */
export function useDryRun() {
  return useMutation({ mutationFn: ({ signal, ...body }: Schemas['RuleDryRun'] & { signal: AbortSignal }) => must(client.POST('/rules/dry-run', { body, signal })) });
}

/** useRuleExceptions are the exceptions that name a rule. */
export function useRuleExceptions(rule: string) {
  return useQuery({
    queryKey: ['exceptions', 'rule', rule],
    queryFn: ({ signal }) => must(client.GET('/exceptions', { params: { query: { rule, limit: 100 } }, signal })),
  });
}

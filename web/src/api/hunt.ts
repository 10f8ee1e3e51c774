// Hunts: questions about the stored events. Each that is run is written into
// the audit log, so none is run by itself.
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query';
import { client as typed, must } from './client';
import type { Event } from './model';

// biome-ignore lint: until the generated schema has the operations
const client: any = typed;

export interface HuntColumn {
  name: string;
  type: 'text' | 'int' | 'real' | 'bool' | 'time' | 'duration' | 'address' | 'list';
}
export interface HuntRef {
  uid: string;
  host: string;
  time: string;
}
export interface HuntAnswer {
  columns: HuntColumn[];
  rows: unknown[][];
  events: boolean;
  refs: HuntRef[];
  histogram: { start: string; count: number }[];
  scanned: number;
  matched: number;
  complete: boolean;
  stopped?: string;
  more: boolean;
  took_ms: number;
}
export interface HuntProblem {
  line: number;
  column: number;
  length: number;
  reason: string;
  hint?: string;
}
export interface HuntField {
  name: string;
  aliases: string[];
  type: string;
  classes: string[];
  doc: string;
}
export interface HuntFields {
  items: HuntField[];
  sources: { name: string; doc: string }[];
  operators: { name: string; doc: string }[];
  functions: { name: string; usage: string; aggregate: boolean; doc: string }[];
}

/** Hunt is a question and the time that it is about. */
export interface Hunt {
  query: string;
  since?: string;
  until?: string;
}

const still = { refetchOnWindowFocus: false, refetchOnReconnect: false, refetchOnMount: false, retry: false } as const;

/** mostRows is how many rows are shown; exports hold more. */
export const mostRows = 10_000;

/** useHunt runs a hunt, once for each number; null runs nothing. */
export function useHunt(hunt: Hunt | null, number: number) {
  return useQuery({
    queryKey: ['hunt', 'run', hunt, number],
    queryFn: ({ signal }) => must<HuntAnswer>(client.POST('/hunt', { body: { ...hunt, limit: mostRows, histogram: true }, signal })),
    enabled: hunt !== null,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 5 * 60_000,
    ...still,
  });
}

/** useHuntCheck says what is wrong with a query; while the next answer is awaited the one before stays. */
export function useHuntCheck(query: string) {
  return useQuery({
    queryKey: ['hunt', 'check', query],
    queryFn: ({ signal }) => must<{ problems: HuntProblem[] }>(client.POST('/hunt/check', { body: { query }, signal })),
    enabled: query.trim() !== '',
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 30_000,
    ...still,
  });
}

/** useHuntFields are what queries are made of. */
export function useHuntFields() {
  return useQuery({ queryKey: ['hunt', 'fields'], queryFn: ({ signal }) => must<HuntFields>(client.GET('/hunt/fields', { signal })), staleTime: Number.POSITIVE_INFINITY });
}

/** useHuntEvent is the event of a row. */
export function useHuntEvent(ref: HuntRef | undefined) {
  return useQuery({
    queryKey: ['hunt', 'event', ref],
    queryFn: ({ signal }) => must<Event>(client.GET('/hunt/event', { params: { query: ref }, signal })),
    enabled: ref !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    ...still,
  });
}

/** useHuntExport fetches the rows of a hunt as a file. */
export function useHuntExport() {
  return useMutation({
    mutationFn: ({ signal, ...body }: Hunt & { format: 'csv' | 'ndjson'; signal: AbortSignal }) => must<Blob>(client.POST('/hunt/export', { body, signal, parseAs: 'blob' })),
  });
}

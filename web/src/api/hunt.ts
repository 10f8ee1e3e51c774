// Hunts: questions about the stored events. Each that is run is written into
// the audit log, so none is run by itself.
import { keepPreviousData, skipToken, useMutation, useQuery } from '@tanstack/react-query';
import { client, must } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type HuntColumn = Schemas['HuntColumn'];
export type HuntRef = Schemas['HuntRef'];
export type HuntAnswer = Schemas['HuntAnswer'];
export type HuntField = Schemas['HuntField'];

/** Hunt is a question and the time that it is about. */
export interface Hunt {
  query: string;
  since?: string;
  until?: string;
}

const still = { refetchOnWindowFocus: false, refetchOnReconnect: false, refetchOnMount: false, retry: false } as const;

/** mostRows is how many rows are shown; exports hold more. */
export const mostRows = 10_000;

/** useHunt runs a hunt, once for each visit; null runs nothing. */
export function useHunt(hunt: Hunt | null, visit: string) {
  return useQuery({
    queryKey: ['hunt', 'run', hunt, visit],
    queryFn: hunt === null ? skipToken : ({ signal }) => must(client.POST('/hunt', { body: { ...hunt, limit: mostRows, histogram: true }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 5 * 60_000,
    ...still,
  });
}

/** useHuntCheck says what is wrong with a query; while the next answer is awaited the one before stays. */
export function useHuntCheck(query: string) {
  return useQuery({
    queryKey: ['hunt', 'check', query],
    queryFn: ({ signal }) => must(client.POST('/hunt/check', { body: { query }, signal })),
    enabled: query.trim() !== '',
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 30_000,
    ...still,
  });
}

/** useHuntFields are what queries are made of. */
export function useHuntFields() {
  return useQuery({ queryKey: ['hunt', 'fields'], queryFn: ({ signal }) => must(client.GET('/hunt/fields', { signal })), staleTime: Number.POSITIVE_INFINITY });
}

/** useHuntEvent is the event of a row. */
export function useHuntEvent(ref: HuntRef) {
  return useQuery({
    queryKey: ['hunt', 'event', ref],
    queryFn: ({ signal }) => must(client.GET('/hunt/event', { params: { query: ref }, signal })),
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

// What the pages ask of the server, as hooks.
import { QueryCache, QueryClient, keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { Changes } from './changes';
import { client, must, setCSRF } from './client';
import { ApiError } from './errors';
import { keys } from './keys';
import { type Role, type Session, roles } from './model';

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      // The session has ended: forget it, and the shell leads to the login.
      if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== keys.session[0]) {
        queryClient.setQueryData(keys.session, null);
      }
    },
  }),
  defaultOptions: {
    // A server on this machine answers without a network: ask, whatever the
    // browser believes, and say so when no answer comes.
    mutations: { retry: false, networkMode: 'always' },
    queries: {
      networkMode: 'always',
      staleTime: 15_000,
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 4000),
    },
  },
});

export const changes = new Changes(queryClient);

/** useSession holds the session, or null for nobody signed in. */
export function useSession() {
  return useQuery({
    queryKey: keys.session,
    queryFn: async (): Promise<Session | null> => {
      try {
        const session = await must(client.GET('/session'));
        setCSRF(session.csrf);
        return session;
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: 5 * 60_000,
  });
}

/** useMay says whether the signed-in person's role includes the given one. */
export function useMay(role: Role): boolean {
  const { data } = useSession();
  return data != null && roles.indexOf(data.user.role as Role) >= roles.indexOf(role);
}

export function useLoginOptions() {
  return useQuery({ queryKey: keys.loginOptions, queryFn: () => must(client.GET('/login-options')) });
}

export function useLogin() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; password: string }) => must(client.POST('/session', { body })),
    onSuccess: (session) => {
      setCSRF(session.csrf);
      queries.setQueryData(keys.session, session);
    },
  });
}

export function useLogout() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => must(client.DELETE('/session')),
    onSettled: () => {
      // The session stays in its place, so that the shell sees its end; all else
      // that this person saw is forgotten.
      queries.setQueryData(keys.session, null);
      queries.removeQueries({ predicate: (q) => q.queryKey[0] !== keys.session[0] });
    },
  });
}

export function useOverview() {
  return useQuery({ queryKey: keys.overview, queryFn: () => must(client.GET('/overview')), refetchInterval: 15_000 });
}

export function useLedger() {
  return useQuery({ queryKey: keys.ledger, queryFn: () => must(client.GET('/ledger')), refetchInterval: 15_000 });
}

/** useHosts lists up to 1,000 hosts; text filters by name, id or address. */
export function useHosts(query: { state?: 'active' | 'revoked'; text?: string; label?: string[] } = {}) {
  return useQuery({
    queryKey: keys.hostList(query),
    queryFn: ({ signal }) => must(client.GET('/hosts', { params: { query: { ...query, limit: 1000 } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}

export function useRules() {
  return useQuery({ queryKey: keys.rules, queryFn: () => must(client.GET('/rules')), staleTime: 10 * 60_000 });
}

/** useRuleTitles are the titles of alert types, from the rules in force. */
export function useRuleTitles(): ReadonlyMap<string, string> {
  const rules = useRules();
  return useMemo(() => new Map(rules.data?.items.map((r) => [r.alert_type, r.title])), [rules.data]);
}

export function useUsers() {
  return useQuery({
    queryKey: keys.users,
    queryFn: () => must(client.GET('/users', { params: { query: { limit: 1000 } } })),
    staleTime: 5 * 60_000,
  });
}

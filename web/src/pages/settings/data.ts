// What the settings ask of the server. Secrets in answers are never cached:
// their mutations forget them once nobody shows them.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import type { Role, Settings, SettingsUpdate, User } from '../../api/model';

/** useAfter makes a mutation whose success makes what is cached under the key stale. */
function useAfter<In, Out>(key: readonly unknown[], mutationFn: (input: In) => Promise<Out>) {
  const queries = useQueryClient();
  return useMutation({ mutationFn, gcTime: 0, onSettled: () => void queries.invalidateQueries({ queryKey: key }) });
}

export interface NewUser {
  name: string;
  full_name: string;
  role: Role;
  password: string;
}

export const useAddUser = () => useAfter(keys.users, (body: NewUser) => must(client.POST('/users', { body })));

/** useChangeUser changes a user; somebody else's change meanwhile is refused, not overwritten. */
export const useChangeUser = () =>
  useAfter(keys.users, ({ user, change }: { user: User; change: { role?: Role; disabled?: boolean; full_name?: string } }) =>
    must(client.PATCH('/users/{name}', { params: { path: { name: user.name }, header: { 'If-Match': `"${user.version}"` } }, body: change })),
  );

export const useDropUser = () => useAfter(keys.users, (name: string) => must(client.DELETE('/users/{name}', { params: { path: { name } } })));

export const useSetPassword = () =>
  useAfter(keys.users, ({ name, password }: { name: string; password: string }) => must(client.POST('/users/{name}/password', { params: { path: { name } }, body: { password } })));

export const useChangeOwnPassword = () => useAfter([], (body: { old: string; new: string }) => must(client.POST('/session/password', { body })));

export function useTokens() {
  return useQuery({ queryKey: keys.tokens, queryFn: () => must(client.GET('/tokens', { params: { query: { limit: 1000 } } })) });
}

export const useMakeToken = () => useAfter(keys.tokens, (body: { note: string; role: Role; expires_time: string }) => must(client.POST('/tokens', { body })));

export const useDropToken = () => useAfter(keys.tokens, (uid: string) => must(client.DELETE('/tokens/{uid}', { params: { path: { uid } } })));

/** Versioned is the settings with the tag that a change builds on. */
export interface Versioned {
  settings: Settings;
  tag: string;
}

export function useSettings() {
  return useQuery({
    queryKey: keys.settings,
    queryFn: async (): Promise<Versioned> => {
      const { data, response } = await client.GET('/settings');
      return { settings: data as Settings, tag: response.headers.get('ETag') ?? '*' };
    },
    // A form is being filled in: it must not change under the hands.
    refetchOnWindowFocus: false,
  });
}

export const useSaveSettings = () =>
  useAfter(keys.settings, ({ tag, update }: { tag: string; update: SettingsUpdate }) => must(client.PATCH('/settings', { params: { header: { 'If-Match': tag } }, body: update })));

/** AuditQuery chooses lines of the audit log. */
export interface AuditQuery {
  actor?: string;
  action?: string;
  object?: string;
  since?: string;
}

const part = 200;

export function useAuditLog(query: AuditQuery) {
  return useInfiniteQuery({
    queryKey: keys.auditLog(query),
    queryFn: ({ pageParam, signal }) => must(client.GET('/audit-log', { params: { query: { ...query, limit: part, ...(pageParam ? { after: pageParam } : {}) } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
  });
}

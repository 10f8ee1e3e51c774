// What the pages about hosts ask of the server.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { client, must } from './client';
import { keys } from './keys';
import type { Host, NewEnrollToken } from './model';

/** useHost is one host with its latest heartbeat. */
export function useHost(uid: string) {
  return useQuery({
    queryKey: keys.host(uid),
    queryFn: ({ signal }) => must(client.GET('/hosts/{uid}', { params: { path: { uid } }, signal })),
    refetchInterval: 15_000,
  });
}

/** useAccess revokes a host, or allows it again. */
export function useAccess() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ host, allow }: { host: Host; allow: boolean }) => {
      const params = { path: { uid: host.uid } };
      return must(allow ? client.POST('/hosts/{uid}/allow', { params }) : client.POST('/hosts/{uid}/revoke', { params }));
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.hosts });
      void queries.invalidateQueries({ queryKey: keys.overview });
    },
  });
}

/** useLabels replaces a host's labels; somebody else's change meanwhile is refused, not overwritten. */
export function useLabels(host: Host) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (labels: Record<string, string>) =>
      must(client.PATCH('/hosts/{uid}', { params: { path: { uid: host.uid }, header: { 'If-Match': `"${host.version}"` } }, body: { labels } })),
    onSuccess: (changed) => queries.setQueryData(keys.host(host.uid), changed),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.hosts }),
  });
}

export function useEnrolTokens(enabled: boolean) {
  return useQuery({
    queryKey: keys.enrolTokens,
    queryFn: () => must(client.GET('/enroll-tokens', { params: { query: { limit: 1000 } } })),
    enabled,
  });
}

export function useMakeEnrolToken() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: NewEnrollToken) => must(client.POST('/enroll-tokens', { body })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.enrolTokens }),
    // The answer holds a secret: nothing keeps it once it is not shown.
    gcTime: 0,
  });
}

export function useDropEnrolToken() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (uid: string) => must(client.DELETE('/enroll-tokens/{uid}', { params: { path: { uid } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.enrolTokens }),
  });
}

// What the pages of exceptions ask of the server, and change there.
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import type { Exception, ExceptionBody, ExceptionQuery } from '../../api/model';

const partSize = 200;

/** useExceptions lists exceptions, part by part; hits are looked up again and again. */
export function useExceptions(query: ExceptionQuery) {
  return useInfiniteQuery({
    queryKey: keys.exceptionList(query),
    queryFn: ({ pageParam, signal }) => must(client.GET('/exceptions', { params: { query: { ...query, limit: partSize, ...(pageParam ? { after: pageParam } : {}) } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}

/** useException is one exception; it is not asked for again while it is being edited. */
export function useException(uid: string) {
  return useQuery({
    queryKey: keys.exception(uid),
    queryFn: ({ signal }) => must(client.GET('/exceptions/{uid}', { params: { path: { uid } }, signal })),
    refetchOnWindowFocus: false,
    enabled: uid !== '',
  });
}

/** useSuggestion is the narrowest exception that covers an alert, as the server proposes it. */
export function useSuggestion(alert: string) {
  return useQuery({
    queryKey: keys.suggestion(alert),
    queryFn: ({ signal }) => must(client.POST('/exceptions/suggest', { body: { alert }, signal })),
    refetchOnWindowFocus: false,
    staleTime: Number.POSITIVE_INFINITY,
    enabled: alert !== '',
  });
}

/** useImpact is what an exception would have hidden since a time; null for one that cannot be asked about yet. */
export function useImpact(body: ExceptionBody | null, since: string) {
  return useQuery({
    queryKey: keys.impact({ ...body, since }),
    queryFn: ({ signal }) => must(client.POST('/exceptions/preview', { body: { ...(body as ExceptionBody), since }, signal })),
    enabled: body !== null,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
    staleTime: 60_000,
    retry: false,
  });
}

/** useSave makes an exception, or changes one; somebody else's change meanwhile is refused, not overwritten. */
export function useSave() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ of, body }: { of: Pick<Exception, 'uid' | 'version'> | undefined; body: ExceptionBody }) =>
      must(of ? client.PUT('/exceptions/{uid}', { params: { path: { uid: of.uid }, header: { 'If-Match': `"${of.version}"` } }, body }) : client.POST('/exceptions', { body })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.exceptions }),
  });
}

/** termsOf is what people said of an exception, as a change of it takes that. */
export function termsOf({ name, reason, enabled, expires_time, scope, match, whole_rule }: Exception): ExceptionBody {
  return { name, reason, enabled, ...(expires_time ? { expires_time } : {}), scope, match, whole_rule, ...(whole_rule ? { confirm: true } : {}) };
}

export function useDelete() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (uid: string) => must(client.DELETE('/exceptions/{uid}', { params: { path: { uid } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.exceptions }),
  });
}

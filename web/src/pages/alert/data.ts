import { type InfiniteData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import type { Alert, AlertSummary, Event } from '../../api/model';

/** useAlert is one alert with its evidence. Reading it is written into the audit log, so it is not polled. */
export function useAlert(uid: string) {
  return useQuery({
    queryKey: keys.alert(uid),
    queryFn: ({ signal }) => must(client.GET('/alerts/{uid}', { params: { path: { uid } }, signal })),
    refetchOnWindowFocus: false,
  });
}

export function useComments(uid: string) {
  return useQuery({ queryKey: keys.comments(uid), queryFn: ({ signal }) => must(client.GET('/alerts/{uid}/comments', { params: { path: { uid } }, signal })) });
}

const partSize = 500;

/** Around are the host's events about a moment, oldest first. */
export interface Around {
  events: Event[];
  /** There are more than were asked for; those nearest to the moment are here. */
  more: boolean;
}

/**
 * useAround loads the host's events from so many seconds before the alert to
 * as many after: outwards from the alert on both sides, so that a busy host
 * shows what is nearest.
 */
export function useAround({ uid, host, time }: Pick<Alert, 'uid' | 'host' | 'time'>, seconds: number) {
  return useQuery({
    queryKey: keys.timeline(uid, seconds),
    queryFn: async ({ signal }): Promise<Around> => {
      const at = (offset: number) => new Date(Date.parse(time) + offset * 1000).toISOString();
      const ask = (query: { since: string; until: string; order: 'time' | '-time' }) =>
        must(client.GET('/hosts/{uid}/events', { params: { path: { uid: host ?? '' }, query: { ...query, limit: partSize } }, signal }));
      const [before, after] = await Promise.all([
        ask({ since: at(-seconds), until: time, order: '-time' }),
        ask({ since: time, until: at(seconds), order: 'time' }),
      ]);
      return { events: [...before.items.reverse(), ...after.items], more: Boolean(before.next || after.next) };
    },
    enabled: host !== undefined && host !== '',
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  });
}

export function useSimilar(uid: string) {
  return useQuery({ queryKey: keys.similar(uid), queryFn: ({ signal }) => must(client.GET('/alerts/{uid}/similar', { params: { path: { uid }, query: { limit: 8 } }, signal })) });
}

/** Change is what a person makes of the alert. */
export interface Change {
  status?: Alert['status'];
  assignee?: string;
  comment?: string;
}

type Lists = InfiniteData<{ items: AlertSummary[]; next?: string }>;

function replaced(pages: Lists['pages'], { uid, status, assignee }: Alert): Lists['pages'] {
  return pages.map((p) => ({ ...p, items: p.items.map((a) => (a.uid === uid ? { ...a, status, assignee } : a)) }));
}

/** useChange changes the alert that is on the page; somebody else's change meanwhile is refused, not overwritten. */
export function useChange(alert: Alert) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Change) =>
      must(client.PATCH('/alerts/{uid}', { params: { path: { uid: alert.uid }, header: { 'If-Match': `"${alert.version}"` } }, body })),
    onSuccess: (changed) => {
      queries.setQueryData(keys.alert(alert.uid), changed);
      // In the lists, to which people go back, the row changes where it stands.
      queries.setQueriesData<Lists>({ queryKey: ['alerts', 'list'] }, (old) => old && { ...old, pages: replaced(old.pages, changed) });
    },
    onError: () => void queries.invalidateQueries({ queryKey: keys.alert(alert.uid), exact: true }),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: keys.comments(alert.uid) });
      void queries.invalidateQueries({ queryKey: ['alerts', 'counts'] });
      void queries.invalidateQueries({ queryKey: keys.newest });
      void queries.invalidateQueries({ queryKey: keys.overview });
    },
  });
}

export function useComment(uid: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (text: string) => must(client.POST('/alerts/{uid}/comments', { params: { path: { uid } }, body: { text } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.comments(uid) }),
  });
}

// What the page of alerts asks of the server, and changes there.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import { type Load, type Pages, useLive, useParts } from '../../api/livelist';
import type { AlertQuery, AlertSummary } from '../../api/model';
import { changes } from '../../api/queries';
import type { Order } from '../../text/filters';

/** useAlertList loads the alerts of a query, part by part, and keeps them up to date; calm says whether rows may come in. */
export function useAlertList(query: AlertQuery, order: Order, calm: () => boolean) {
  const key = useMemo(() => keys.alertList({ ...query, order }), [query, order]);
  const load = useCallback<Load<AlertSummary>>(
    (limit, after, signal) => must(client.GET('/alerts', { params: { query: { ...query, order, limit, ...(after ? { after } : {}) } }, ...(signal ? { signal } : {}) })),
    [query, order],
  );
  return { ...useParts(key, load), key, live: useLive(key, load, changes.onAlert, calm) };
}

/** useAlertCounts counts the alerts of a query. */
export function useAlertCounts(query: AlertQuery) {
  return useQuery({
    queryKey: keys.alertCounts(query),
    queryFn: ({ signal }) => must(client.GET('/alerts/counts', { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** Change is what is made of alerts. */
export interface Change {
  status?: AlertSummary['status'];
  assignee?: string;
}

const most = 1000; // alerts that one request may name

/** useTriage changes many alerts. Rows change at once and fall back when the server refuses. */
export function useTriage(key: readonly unknown[], leaves: (a: AlertSummary) => boolean) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ uids, change }: { uids: string[]; change: Change; keep?: boolean }) => {
      let changed = 0;
      for (let i = 0; i < uids.length; i += most) {
        changed += (await must(client.POST('/alerts/bulk', { body: { uids: uids.slice(i, i + most), ...change } }))).changed;
      }
      return changed;
    },
    onMutate: ({ uids, change, keep }) => {
      const before = queries.getQueryData<Pages<AlertSummary>>(key);
      const these = new Set(uids);
      queries.setQueryData<Pages<AlertSummary>>(key, (old) =>
        old && {
          ...old,
          pages: old.pages.map((p) => ({
            ...p,
            items: p.items.map((a) => (these.has(a.uid) ? { ...a, ...change } : a)).filter((a) => keep || !these.has(a.uid) || !leaves(a)),
          })),
        },
      );
      return { before };
    },
    onError: (_error, _change, context) => {
      if (context?.before) queries.setQueryData(key, context.before);
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['alerts', 'counts'] });
      void queries.invalidateQueries({ queryKey: keys.overview });
    },
  });
}

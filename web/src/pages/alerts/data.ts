// The list of alerts as it is kept in the browser: pages by keyset, changes
// put in where they belong, never a row that jumps under the cursor.
import { type InfiniteData, keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { AlertChange } from '../../api/changes';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import type { AlertQuery, AlertSummary, Status } from '../../api/model';
import { changes } from '../../api/queries';
import type { Order } from '../../text/filters';
import { merge, patched } from './merge';

const pageSize = 200;
const headSize = 100;
const gap = 700; // milliseconds between looks at the head of the list

interface Part {
  items: AlertSummary[];
  next?: string;
}

type Pages = InfiniteData<Part, string | undefined>;

/** useAlertList loads the alerts of a query, part by part. */
export function useAlertList(query: AlertQuery, order: Order) {
  const key = useMemo(() => keys.alertList({ ...query, order }), [query, order]);
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }): Promise<Part> =>
      must(client.GET('/alerts', { params: { query: { ...query, order, limit: pageSize, ...(pageParam ? { after: pageParam } : {}) } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    // Parts are put together by hand when something changes: loading all of
    // them anew would move rows.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnMount: false,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    gcTime: 10 * 60_000,
  });
  const rows = useMemo(() => unique(list.data?.pages.flatMap((p) => p.items) ?? []), [list.data]);
  return { list, rows, key };
}

// A row that moved while the parts were loaded may be in two of them.
function unique(rows: AlertSummary[]): AlertSummary[] {
  const seen = new Set<string>();
  return rows.filter((r) => !seen.has(r.uid) && seen.add(r.uid));
}

/** useAlertCounts counts the alerts of a query. */
export function useAlertCounts(query: AlertQuery) {
  return useQuery({
    queryKey: keys.alertCounts(query),
    queryFn: ({ signal }) => must(client.GET('/alerts/counts', { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });
}

/**
 * useLive keeps the list up to date. Rows that are there change in place; new
 * ones come in by themselves while calm() says that nobody would be disturbed,
 * and are counted as waiting otherwise.
 */
export function useLive(key: readonly unknown[], query: AlertQuery, order: Order, calm: () => boolean) {
  const queries = useQueryClient();
  const [waiting, setWaiting] = useState(0);
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const last = useRef(0);
  const calmly = useRef(calm);
  useEffect(() => {
    calmly.current = calm;
  });

  const look = useCallback(async () => {
    timer.current = undefined;
    last.current = Date.now();
    const head = await must(client.GET('/alerts', { params: { query: { ...query, order, limit: headSize } } })).catch(() => null);
    const pages = queries.getQueryData<Pages>(key);
    if (!head || !pages) return;
    const { pages: merged, added } = merge(pages.pages, head.items, calmly.current());
    queries.setQueryData<Pages>(key, { ...pages, pages: merged });
    if (calmly.current()) {
      setWaiting(0);
      if (added.length > 0) setFresh(new Set(added));
    } else {
      setWaiting(added.length);
    }
  }, [key, order, queries, query]);

  useEffect(() => {
    setWaiting(0);
    // The list may have been away while things changed.
    void look();
    const stop = changes.onAlert((c: AlertChange) => {
      if (!c.new) queries.setQueryData<Pages>(key, (old) => (old ? { ...old, pages: patched(old.pages, c) } : old));
      timer.current ??= setTimeout(() => void look(), Math.max(0, gap - (Date.now() - last.current)));
    });
    return () => {
      stop();
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [key, look, queries]);

  // The list begins anew with its first part; while there is no answer, what
  // is shown stays.
  const reload = useCallback(async () => {
    const first: Part = await must(client.GET('/alerts', { params: { query: { ...query, order, limit: pageSize } } }));
    queries.setQueryData<Pages>(key, { pages: [first], pageParams: [undefined] });
    setWaiting(0);
  }, [key, order, queries, query]);
  return { waiting, fresh, reload };
}

/** Change is what is made of alerts. */
export interface Change {
  status?: Status;
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
      const before = queries.getQueryData<Pages>(key);
      const these = new Set(uids);
      queries.setQueryData<Pages>(key, (old) =>
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

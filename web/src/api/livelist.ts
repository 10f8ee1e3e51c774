// Lists as they are kept in the browser: parts by keyset, changes put in where
// they belong, never a row that jumps under the cursor.
import { type InfiniteData, type QueryKey, keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type Part, type Row, type Told, merge, patched } from './merge';

const partSize = 200;
const headSize = 100;
const gap = 700; // milliseconds between looks at the head of the list

/** Pages are the parts of a list that were loaded. */
export type Pages<T> = InfiniteData<Part<T>, string | undefined>;

/** Load asks for a part of a list: its first rows, or those after. It stays the same while what it asks for does. */
export type Load<T> = (limit: number, after?: string, signal?: AbortSignal) => Promise<Part<T>>;

/** useParts loads a list, part by part. */
export function useParts<T extends Row>(key: QueryKey, load: Load<T>) {
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }): Promise<Part<T>> => load(partSize, pageParam, signal),
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
  return { list, rows };
}

// A row that moved while the parts were loaded may be in two of them.
function unique<T extends Row>(rows: T[]): T[] {
  const seen = new Set<string>();
  return rows.filter((r) => !seen.has(r.uid) && seen.add(r.uid));
}

/** Listen calls f for each change of a row, with an empty uid where any may have changed, until the result is called. */
export type Listen = (f: (c: Told & { new?: boolean }) => void) => () => void;

/**
 * useLive keeps the list up to date. Rows that are there change in place; new
 * ones come in by themselves while calm() says that nobody would be disturbed,
 * and are counted as waiting otherwise.
 */
export function useLive<T extends Row>(key: QueryKey, load: Load<T>, listen: Listen, calm: () => boolean) {
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
    const head = await load(headSize).catch(() => null);
    const pages = queries.getQueryData<Pages<T>>(key);
    if (!head || !pages) return;
    const { pages: merged, added } = merge(pages.pages, head.items, calmly.current());
    queries.setQueryData<Pages<T>>(key, { ...pages, pages: merged });
    if (calmly.current()) {
      setWaiting(0);
      if (added.length > 0) setFresh(new Set(added));
    } else {
      setWaiting(added.length);
    }
  }, [key, load, queries]);

  useEffect(() => {
    setWaiting(0);
    // The list may have been away while things changed.
    void look();
    const stop = listen((c) => {
      if (!c.new) queries.setQueryData<Pages<T>>(key, (old) => (old ? { ...old, pages: patched(old.pages, c) } : old));
      timer.current ??= setTimeout(() => void look(), Math.max(0, gap - (Date.now() - last.current)));
    });
    return () => {
      stop();
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [key, listen, look, queries]);

  // The list begins anew with its first part; while there is no answer, what
  // is shown stays.
  const reload = useCallback(async () => {
    const first = await load(partSize);
    queries.setQueryData<Pages<T>>(key, { pages: [first], pageParams: [undefined] });
    setWaiting(0);
  }, [key, load, queries]);
  return { waiting, fresh, reload };
}

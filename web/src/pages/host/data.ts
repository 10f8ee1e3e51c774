// What a host does, as its page asks for it. Reading telemetry is written into
// the audit log, so nothing here is asked for again by itself, except where a
// person switched "Live" on.
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import type { Event, EventClass } from '../../api/model';
import { changes } from '../../api/queries';

const once = { refetchOnWindowFocus: false, refetchOnReconnect: false, staleTime: 60_000 } as const;

export function useProcesses(host: string) {
  return useQuery({
    queryKey: keys.processes(host),
    queryFn: ({ signal }) => must(client.GET('/hosts/{uid}/processes', { params: { path: { uid: host }, query: { limit: 1000 } }, signal })),
    ...once,
  });
}

/** EventQuery chooses events of a host. */
export interface EventQuery {
  class?: EventClass[];
  text?: string;
  process?: string;
  since?: string;
}

const part = 200;
const lookEvery = 3000; // milliseconds

/** useEvents loads a host's events, newest first: part by part, or, live, the newest again and again. */
export function useEvents(host: string, query: EventQuery, live: boolean) {
  return useInfiniteQuery({
    queryKey: keys.events(host, { ...query, live }),
    queryFn: ({ pageParam, signal }) =>
      must(client.GET('/hosts/{uid}/events', { params: { path: { uid: host }, query: { ...query, order: '-time', limit: part, ...(pageParam ? { after: pageParam } : {}) } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => (live ? undefined : last.next),
    placeholderData: keepPreviousData,
    ...once,
    refetchInterval: live ? lookEvery : false,
  });
}

/** Named is an event with a name that stays the same when events come in before it. */
export interface Named {
  id: string;
  event: Event;
}

/** named gives events, newest first, their names. Events have none of their own; equal ones are told apart by their order. */
export function named(events: readonly Event[]): Named[] {
  const seen = new Map<string, number>();
  const out: Named[] = [];
  // From the oldest: a new one never changes the names of those before it.
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i];
    if (!event) continue;
    const base = [event.time, event.class_uid, event.activity_name, event.serial ?? 0, event.process?.uid ?? ''].join(' ');
    const n = seen.get(base) ?? 0;
    seen.set(base, n + 1);
    out.push({ id: n === 0 ? base : `${base} ${n}`, event });
  }
  return out.reverse();
}

const pause = 700; // milliseconds between two looks at the list

/** useHostAlerts lists the host's newest alerts and keeps them up to date. */
export function useHostAlerts(host: string) {
  const queries = useQueryClient();
  const key = keys.alertList({ host });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = changes.onAlert(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void queries.invalidateQueries({ queryKey: keys.alertList({ host }) });
      }, pause);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [host, queries]);
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) => must(client.GET('/alerts', { params: { query: { host: [host], order: '-last_time', limit: 200 } }, signal })),
  });
}

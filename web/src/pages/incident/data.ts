// What the page of an incident asks of the server, and changes there.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import type { Pages } from '../../api/livelist';
import type { Incident, IncidentSummary, IncidentUpdate } from '../../api/model';
import { type Following, follow } from '../../text/incidents';

/** useIncident is one incident with its story. Reading it is written into the audit log, so it is not polled; the server tells of its changes. */
export function useIncident(uid: string) {
  return useQuery({
    queryKey: keys.incident(uid),
    queryFn: ({ signal }) => must(client.GET('/incidents/{uid}', { params: { path: { uid } }, signal })),
    refetchOnWindowFocus: false,
  });
}

/**
 * useFollowed is the incident that was asked for, or the one that it became part of: before, or while it is shown. From
 * then on it is that one, whose changes the server tells of.
 */
export function useFollowed(asked: string) {
  const queries = useQueryClient();
  const [following, setFollowing] = useState<Following>({ uid: asked, shown: false, moved: 'never' });
  const incident = useIncident(following.uid);
  const answered = incident.data;
  useEffect(() => {
    if (!answered) return;
    if (answered.uid !== following.uid) queries.setQueryData(keys.incident(answered.uid), answered);
    setFollowing(follow(following, answered.uid));
  }, [answered, following, queries]);
  return { incident, moved: following.moved };
}

/** useIncidentOf is the incident that an alert belongs to; null while it belongs to none. */
export function useIncidentOf(alert: string) {
  return useQuery({
    queryKey: keys.incidentOf(alert),
    queryFn: async ({ signal }) => (await must(client.GET('/incidents', { params: { query: { alert, limit: 1 } }, signal }))).items[0] ?? null,
  });
}

/** useIncidentChange changes the incident that is on the page; somebody else's change meanwhile is refused, not overwritten. */
export function useIncidentChange({ uid, version }: Incident) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: IncidentUpdate) => must(client.PATCH('/incidents/{uid}', { params: { path: { uid }, header: { 'If-Match': `"${version}"` } }, body })),
    // What was asked for before the change would come after it, and be old.
    onMutate: () => queries.cancelQueries({ queryKey: keys.incident(uid), exact: true }),
    onSuccess: (changed) => {
      queries.setQueryData(keys.incident(uid), changed);
      // In the lists, to which people go back, the row changes where it stands.
      const { status, assignee, verdict } = changed;
      queries.setQueriesData<Pages<IncidentSummary>>({ queryKey: ['incidents', 'list'] }, (old) =>
        old && { ...old, pages: old.pages.map((p) => ({ ...p, items: p.items.map((i) => (i.uid === uid ? { ...i, status, assignee, verdict } : i)) })) },
      );
    },
    onError: () => void queries.invalidateQueries({ queryKey: keys.incident(uid), exact: true }),
    onSettled: (_changed, _error, { alerts }) => {
      void queries.invalidateQueries({ queryKey: keys.incidentComments(uid) });
      void queries.invalidateQueries({ queryKey: ['incidents', 'counts'] });
      if (!alerts) return;
      void queries.invalidateQueries({ queryKey: keys.alerts });
      void queries.invalidateQueries({ queryKey: ['alert'] });
      void queries.invalidateQueries({ queryKey: keys.overview });
    },
  });
}

export function useIncidentComments(uid: string) {
  return useQuery({ queryKey: keys.incidentComments(uid), queryFn: ({ signal }) => must(client.GET('/incidents/{uid}/comments', { params: { path: { uid } }, signal })) });
}

export function useIncidentComment(uid: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (text: string) => must(client.POST('/incidents/{uid}/comments', { params: { path: { uid } }, body: { text } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.incidentComments(uid) }),
  });
}

// What the list of incidents asks of the server.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import { type Load, useLive, useParts } from '../../api/livelist';
import type { IncidentQuery, IncidentSummary } from '../../api/model';
import { changes } from '../../api/queries';
import type { Order } from '../../text/incidents';

/** useIncidentList loads the incidents of a query, part by part, and keeps them up to date; calm says whether rows may come in. */
export function useIncidentList(query: IncidentQuery, order: Order, calm: () => boolean) {
  const key = useMemo(() => keys.incidentList({ ...query, order }), [query, order]);
  const load = useCallback<Load<IncidentSummary>>(
    (limit, after, signal) => must(client.GET('/incidents', { params: { query: { ...query, order, limit, ...(after ? { after } : {}) } }, ...(signal ? { signal } : {}) })),
    [query, order],
  );
  return { ...useParts(key, load), live: useLive(key, load, changes.onIncident, calm) };
}

/** useIncidentCounts counts the incidents of a query. */
export function useIncidentCounts(query: IncidentQuery) {
  return useQuery({
    queryKey: keys.incidentCounts(query),
    queryFn: ({ signal }) => must(client.GET('/incidents/counts', { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });
}

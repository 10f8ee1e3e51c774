import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import { useNow } from '../../components/timeago';
import { type RangeKey, rangeQuery, ranges } from './ranges';

/** useRangeCounts counts the open alerts of a range; the panels of the page share the answer. */
export function useRangeCounts(range: RangeKey) {
  const query = { ...rangeQuery(range, useNow()), bucket: ranges[range].bucket };
  return useQuery({
    queryKey: keys.alertCounts(query),
    queryFn: ({ signal }) => must(client.GET('/alerts/counts', { params: { query }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

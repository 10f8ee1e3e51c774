// The policies of hosts. The interface takes and gives them as a whole.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { client } from './client';
import { keys } from './keys';
import type { Assignment } from './model';

/** InForce is the policies with the tag that a change builds on. */
export interface InForce {
  all: readonly Assignment[];
  tag: string;
}

const inForce = async (answer: ReturnType<typeof get>): Promise<InForce> => {
  const { data, response } = await answer;
  return { all: data?.assignments ?? [], tag: response.headers.get('ETag') ?? '*' };
};
const get = (signal?: AbortSignal) => client.GET('/policies', signal ? { signal } : {});

/** versionOf is the version that a tag stands for, as people write it. */
export const versionOf = (tag: string): string => tag.replaceAll('"', '');

/** usePolicies are the policies in force. */
export function usePolicies() {
  return useQuery({ queryKey: keys.policies, queryFn: ({ signal }) => inForce(get(signal)), refetchInterval: 30_000 });
}

/** useSetPolicies puts policies in force, unless others came into force since those that they build on. */
export function useSetPolicies() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ all, tag }: InForce) => inForce(client.PUT('/policies', { params: { header: { 'If-Match': tag } }, body: { assignments: [...all] } })),
    onSuccess: (now) => queries.setQueryData(keys.policies, now),
    onError: () => void queries.invalidateQueries({ queryKey: keys.policies }),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.hosts }),
  });
}

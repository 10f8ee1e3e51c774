import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { client, must } from '../../api/client';
import { keys } from '../../api/keys';
import type { Simulation } from '../../api/model';
import { underWay } from './words';

export function useScenarios() {
  return useQuery({ queryKey: keys.scenarios, queryFn: () => must(client.GET('/scenarios')), staleTime: 10 * 60_000 });
}

/** useSimulations lists the latest simulations of all hosts, newest first. */
export function useSimulations() {
  return useQuery({ queryKey: keys.simulationList({}), queryFn: ({ signal }) => must(client.GET('/simulations', { params: { query: { limit: 50 } }, signal })) });
}

const lookEvery = 5000; // milliseconds, in case the stream of changes is interrupted

/** useSimulation is one simulation; the stream of changes tells of its progress. */
export function useSimulation(uid: string) {
  return useQuery({
    queryKey: keys.simulation(uid),
    queryFn: ({ signal }) => must(client.GET('/simulations/{uid}', { params: { path: { uid } }, signal })),
    enabled: uid !== '',
    staleTime: 0,
    refetchInterval: (q) => (q.state.data && underWay(q.state.data) ? lookEvery : false),
  });
}

export function useSimulate() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ host, scenarios }: { host: string; scenarios: string[] }): Promise<Simulation> =>
      must(client.POST('/hosts/{uid}/simulations', { params: { path: { uid: host } }, body: { scenarios } })),
    onSuccess: (made) => queries.setQueryData(keys.simulation(made.uid), made),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.simulations }),
  });
}

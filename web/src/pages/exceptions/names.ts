import { useMemo } from 'react';
import { useHosts, useRules } from '../../api/queries';
import type { Names } from '../../text/exceptions';

/** useNames are what the rules, alert types and hosts of exceptions are called. */
export function useNames(): Names {
  const rules = useRules().data?.items;
  const hosts = useHosts().data?.items;
  return useMemo(
    () => ({
      rules: new Map(rules?.map((r) => [r.uid, r.title])),
      types: new Map(rules?.map((r) => [r.alert_type, r.title])),
      hosts: new Map(hosts?.map((h) => [h.uid, h.name || h.uid])),
    }),
    [rules, hosts],
  );
}

import { Select, Switch } from '@mantine/core';
import { useState } from 'react';
import type { Incident, Verdict } from '../../api/model';
import { useMay } from '../../api/queries';
import { verdictNames } from '../../components/badges';
import { useToast } from '../../components/toast';
import { type Then, type Triage, TriageBar } from '../../components/triagebar';
import { useIncidentChange } from './data';
import css from './incident.module.css';

const none = '-';

/** IncidentTriage is the bar of an incident: status, assignee and verdict, for its alerts as well unless somebody says otherwise. */
export function IncidentTriage({ incident }: { incident: Incident }) {
  const may = useMay('responder');
  const change = useIncidentChange(incident);
  const toast = useToast();
  const [alerts, setAlerts] = useState(true);
  const judge = (verdict: Verdict) =>
    change.mutate({ verdict }, { onSuccess: () => toast.say(verdict === '' ? 'The verdict is taken back.' : `Judged: ${verdictNames[verdict].toLowerCase()}.`), onError: (error) => toast.complain(error) });
  const whole = { ...change, mutate: (body: Triage, then: Then) => change.mutate({ ...body, alerts }, then) };
  return (
    <TriageBar of={incident} noun="incidents" change={whole}>
      <Select
        aria-label="Verdict"
        className={css.verdict ?? ''}
        disabled={!may}
        allowDeselect={false}
        value={incident.verdict || none}
        onChange={(v) => judge(v === none || v === null ? '' : (v as Verdict))}
        data={Object.entries(verdictNames).map(([value, label]) => ({ value: value || none, label }))}
      />
      <Switch size="xs" label="Set its alerts, too" disabled={!may} checked={alerts} onChange={(e) => setAlerts(e.currentTarget.checked)} />
    </TriageBar>
  );
}

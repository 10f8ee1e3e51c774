import { Button, NumberInput, Skeleton } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import { useToast } from '../../components/toast';
import { type Versioned, useSaveSettings, useSettings } from './data';
import css from './settings.module.css';

/** Keeping sets for how long things are kept, and how long a session lasts. */
export function Keeping() {
  const settings = useSettings();
  return (
    <Panel title="Retention and sessions" hint="in force as soon as it is saved">
      {settings.isPending && <Skeleton height={220} />}
      {settings.isError && !settings.data && <ErrorState error={settings.error} retry={() => void settings.refetch()} />}
      {settings.data && <Form key={settings.data.tag} {...settings.data} />}
    </Panel>
  );
}

function Form({ settings, tag }: Versioned) {
  const kept = settings.retention_days;
  const [events, setEvents] = useState<number | string>(kept.events);
  const [alerts, setAlerts] = useState<number | string>(kept.alerts);
  const [audit, setAudit] = useState<number | string>(kept.audit);
  const [hours, setHours] = useState<number | string>(settings.session_hours);
  const save = useSaveSettings();
  const toast = useToast();
  const shorter = Number(events) < kept.events || Number(alerts) < kept.alerts || Number(audit) < kept.audit;
  const whole = [events, alerts, audit, hours].every((v) => typeof v === 'number');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    save.mutate(
      { tag, update: { retention_days: { events: Number(events), alerts: Number(alerts), audit: Number(audit) }, session_hours: Number(hours) } },
      { onSuccess: () => toast.say('The settings are saved.') },
    );
  };
  const common = { allowDecimal: false, clampBehavior: 'strict', max: 3650, suffix: ' days', allowNegative: false } as const;
  return (
    <form onSubmit={submit} className={css.form}>
      <NumberInput label="Events" description="Telemetry, the bulk of what is stored." value={events} onChange={setEvents} min={1} {...common} />
      <NumberInput label="Alerts" description="With their evidence and comments." value={alerts} onChange={setAlerts} min={1} {...common} />
      <NumberInput label="Audit log" description="At least 30 days." value={audit} onChange={setAudit} min={30} {...common} clampBehavior="blur" />
      <NumberInput label="A session lasts at most" description="Unused, it ends after an eighth of that." value={hours} onChange={setHours} min={1} {...common} max={720} suffix=" hours" />
      {shorter && <p className={css.warn}>What is older than the new limit is deleted for good with the next tidying, within the hour.</p>}
      {save.isError && (
        <p className={css.bad} role="alert">
          {save.error.message}
        </p>
      )}
      <div>
        <Button type="submit" loading={save.isPending} disabled={!whole}>
          Save
        </Button>
      </div>
    </form>
  );
}

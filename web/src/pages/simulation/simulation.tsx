import { Select } from '@mantine/core';
import { IconPlayerPlay } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import type { Host } from '../../api/model';
import { useHosts, useRules } from '../../api/queries';
import { HealthBadge } from '../../components/healthbadge';
import { Page, Panel } from '../../components/page';
import { RoleButton } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { useNow } from '../../components/timeago';
import { healthOf } from '../../text/health';
import { plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { useScenarios, useSimulate } from './data';
import { History } from './history';
import { Run } from './run';
import { ScenarioList } from './scenarios';
import css from './simulation.module.css';

const most = 64; // scenarios that one simulation may have

/** Component plays attacks on a host, which are real enough to be detected and do no harm. */
export function Component() {
  const [query, setQuery] = useSearchParams();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const hosts = useHosts({ state: 'active' });
  const scenarios = useScenarios();
  const rules = useRules();
  const run = query.get('run') ?? '';
  const asked = query.get('host') ?? '';
  const list = hosts.data?.items ?? [];
  const host = list.find((h) => h.uid === asked) ?? (asked === '' && list.length === 1 ? list[0] : undefined);
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(query);
    if (value) next.set(name, value);
    else next.delete(name);
    setQuery(next, { replace: true, preventScrollReset: true });
  };
  const error = scenarios.error ?? hosts.error;
  if (error && !(scenarios.data && hosts.data)) {
    return (
      <Page title="Simulation">
        <ErrorState error={error} retry={() => void Promise.all([scenarios.refetch(), hosts.refetch()])} />
      </Page>
    );
  }
  return (
    <Page title="Simulation">
      <p className={css.intro}>
        Scenarios do on a host what an attacker would do, close enough to be detected and without the harm: they touch only files of their own, connect only to the machine
        itself, and clean up after themselves. Each must raise its alert. That proves the whole way from the kernel to this page.
      </p>
      <div className={css.grid}>
        <div className={css.side}>
          <Start hosts={list} host={host} onHost={(uid) => set('host', uid)} chosen={chosen} onStarted={(uid) => set('run', uid)} loaded={hosts.data !== undefined} />
          {run !== '' && <Run uid={run} scenarios={scenarios.data?.items ?? []} hosts={list} onClose={() => set('run', '')} />}
          <History hosts={list} current={run} onOpen={(uid) => set('run', uid)} />
        </div>
        <ScenarioList scenarios={scenarios.data?.items} rules={rules.data?.items ?? []} chosen={chosen} onChosen={setChosen} most={most} />
      </div>
    </Page>
  );
}

interface StartProps {
  hosts: readonly Host[];
  host: Host | undefined;
  loaded: boolean;
  onHost: (uid: string) => void;
  chosen: ReadonlySet<string>;
  onStarted: (uid: string) => void;
}

function Start({ hosts, host, loaded, onHost, chosen, onStarted }: StartProps) {
  const simulate = useSimulate();
  const health = healthOfChosen(host, useNow());
  const reason = !host ? 'Choose a host first.' : chosen.size === 0 ? 'Choose at least one scenario first.' : '';
  const start = () => host && simulate.mutate({ host: host.uid, scenarios: [...chosen] }, { onSuccess: (made) => onStarted(made.uid) });
  if (loaded && hosts.length === 0) {
    return (
      <Panel title="Start">
        <EmptyState title="No host to play on" text={<>Scenarios run on a host. <Link to="/hosts">Enrol one</Link> first.</>} />
      </Panel>
    );
  }
  return (
    <Panel title="Start">
      <div className={css.start}>
        <Select
          className={css.host ?? ''}
          label="Host"
          placeholder="Choose a host"
          searchable
          data={hosts.map((h) => ({ value: h.uid, label: visible(fold(h.name || h.uid, 64)) }))}
          value={host?.uid ?? null}
          onChange={(v) => onHost(v ?? '')}
          nothingFoundMessage="No such host"
        />
        <RoleButton role="responder" reason={reason} loading={simulate.isPending} leftSection={<IconPlayerPlay size={15} aria-hidden />} onClick={start}>
          {chosen.size > 0 ? `Run ${plural(chosen.size, 'scenario')}` : 'Run'}
        </RoleButton>
      </div>
      {health && health.health !== 'healthy' && (
        <p className={css.note}>
          <HealthBadge health={health.health} /> {health.health === 'silent' || health.health === 'never seen' ? 'The host does not answer now; the order expires after two minutes.' : visible(fold(health.why, 160))}
        </p>
      )}
      {simulate.isError && (
        <p className={css.bad} role="alert">
          {simulate.error.message}
        </p>
      )}
    </Panel>
  );
}

const healthOfChosen = (host: Host | undefined, now: number) => (host ? healthOf(host, now) : undefined);

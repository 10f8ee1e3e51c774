import { Button, Checkbox, Skeleton, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import type { Rule, Scenario } from '../../api/model';
import { SeverityBadge } from '../../components/badges';
import { Panel } from '../../components/page';
import { EmptyState } from '../../components/states';
import { tacticLabel } from '../../text/attack';
import { plural } from '../../text/numbers';
import css from './simulation.module.css';
import { type Group, groups } from './words';

interface Props {
  scenarios: readonly Scenario[] | undefined;
  rules: readonly Rule[];
  chosen: ReadonlySet<string>;
  onChosen: (chosen: ReadonlySet<string>) => void;
  most: number;
}

/** ScenarioList lets scenarios be chosen, by tactic in the order of an attack. */
export function ScenarioList({ scenarios, rules, chosen, onChosen, most }: Props) {
  const [wanted, setWanted] = useState('');
  const text = wanted.trim().toLowerCase();
  const all = useMemo(() => groups(scenarios ?? [], rules), [scenarios, rules]);
  const byType = useMemo(() => new Map(rules.map((r) => [r.alert_type, r])), [rules]);
  const shown = all
    .map((g) => ({ ...g, scenarios: g.scenarios.filter((s) => `${s.name} ${s.title} ${s.summary} ${s.alert_type} ${byType.get(s.alert_type)?.title ?? ''}`.toLowerCase().includes(text)) }))
    .filter((g) => g.scenarios.length > 0);
  const set = (names: string[], on: boolean) => {
    const next = new Set(chosen);
    for (const n of names) {
      if (!on) next.delete(n);
      else if (next.size < most) next.add(n);
    }
    onChosen(next);
  };
  return (
    <Panel
      title="Scenarios"
      hint={scenarios && plural(scenarios.length, 'scenario')}
      flush
      aside={
        chosen.size > 0 && (
          <Button size="compact-xs" variant="subtle" onClick={() => onChosen(new Set())}>
            Choose none
          </Button>
        )
      }
    >
      <div className={css.find}>
        <TextInput type="search" aria-label="Find a scenario" placeholder="Find by name, alert or what happens" leftSection={<IconSearch size={15} aria-hidden />} value={wanted} maxLength={128} onChange={(e) => setWanted(e.currentTarget.value)} />
        {chosen.size >= most && <span className={css.note}>One simulation plays at most {most}.</span>}
      </div>
      {!scenarios && <Skeleton height={400} m={16} width="auto" />}
      {scenarios && shown.length === 0 && <EmptyState title="No scenario fits" text="Type less, or something else." />}
      {shown.map((g) => (
        <Tactic key={g.tactic} group={g} chosen={chosen} set={set} byType={byType} />
      ))}
    </Panel>
  );
}

function Tactic({ group, chosen, set, byType }: { group: Group; chosen: ReadonlySet<string>; set: (names: string[], on: boolean) => void; byType: Map<string, Rule> }) {
  const names = group.scenarios.map((s) => s.name);
  const on = names.filter((n) => chosen.has(n)).length;
  const label = group.tactic === '' ? 'Other' : tacticLabel(group.tactic);
  return (
    <fieldset className={css.tactic}>
      <legend>
        <Checkbox label={label} checked={on === names.length} indeterminate={on > 0 && on < names.length} onChange={() => set(names, on < names.length)} />
      </legend>
      {group.scenarios.map((s) => {
        const rule = byType.get(s.alert_type);
        return (
          <div key={s.name} className={css.scenario} data-chosen={chosen.has(s.name) || undefined}>
            <Checkbox
              id={`scenario-${s.name}`}
              aria-label={`${s.title} (${s.name})`}
              aria-describedby={`about-${s.name}`}
              checked={chosen.has(s.name)}
              onChange={() => set([s.name], !chosen.has(s.name))}
            />
            <label htmlFor={`scenario-${s.name}`} className={css.scenarioWords}>
              <span className={css.scenarioTitle}>
                {s.title.charAt(0).toUpperCase() + s.title.slice(1)} <code>{s.name}</code>
              </span>
              <span id={`about-${s.name}`} className={css.summary}>
                {s.summary}
                {s.needs.length > 0 && ` Needs ${s.needs.join(', ')}.`}
              </span>
              <span className={css.raises}>
                {rule && <SeverityBadge severity={rule.severity} />} {rule?.title ?? s.alert_type}
              </span>
            </label>
          </div>
        );
      })}
    </fieldset>
  );
}

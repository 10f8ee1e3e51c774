import { MultiSelect, Select, Switch, TagsInput, TextInput, Textarea } from '@mantine/core';
import type { ReactNode } from 'react';
import { Panel } from '../../components/page';
import { type Names, type Typed, demanding, lifetimes } from '../../text/exceptions';
import { parseLabels } from '../../text/labels';
import { fold, visible } from '../../text/safe';
import { date } from '../../text/time';
import { Conditions } from './conditions';
import css from './form.module.css';

interface Props {
  typed: Typed;
  onChange: (typed: Typed) => void;
  names: Names;
  /** Nothing can be changed: it is only looked at. */
  disabled: boolean;
  foot: ReactNode;
}

/** Form is an exception as it is typed: what it covers, then why and for how long. */
export function Form({ typed, onChange, names, disabled, foot }: Props) {
  const change = (part: Partial<Typed>) => onChange({ ...typed, ...part });
  return (
    <Panel title={disabled ? 'The exception' : 'What to hide'}>
      <div className={css.form}>
        <Scope typed={typed} change={change} names={names} disabled={disabled} />
        <div className={css.group} role="group" aria-labelledby="conditions">
          <h3 id="conditions">Only where all of this holds</h3>
          <p className={css.muted}>Values are compared exactly, capitals too. What an alert does not say fits no condition.</p>
          <Conditions value={typed.match} disabled={disabled} onChange={(match) => change({ match })} />
          {!demanding(typed) && (
            <Switch
              label="Hide everything of these rules and types in this scope"
              description="Without a condition attacks are hidden as well. You are asked once more."
              checked={typed.wholeRule}
              disabled={disabled}
              onChange={(e) => change({ wholeRule: e.currentTarget.checked })}
            />
          )}
        </div>
        <Why typed={typed} change={change} disabled={disabled} />
        <div className={css.save}>{foot}</div>
      </div>
    </Panel>
  );
}

interface PartProps {
  typed: Typed;
  change: (part: Partial<Typed>) => void;
  disabled: boolean;
}

function Scope({ typed, change, names, disabled }: PartProps & { names: Names }) {
  const { wrong } = parseLabels(typed.labels.join('\n'));
  const choose = (label: string, value: string[], known: ReadonlyMap<string, string>, set: (v: string[]) => void, description?: string) => (
    <MultiSelect
      label={label}
      description={description}
      size="xs"
      data={[...new Map([...known, ...value.filter((v) => !known.has(v)).map((v) => [v, v] as const)])].map(([v, name]) => ({ value: v, label: labelOf(known, v, name) }))}
      limit={60}
      searchable
      hidePickedOptions
      nothingFoundMessage="Nothing is called so."
      value={value}
      onChange={set}
      disabled={disabled}
    />
  );
  return (
    <div className={css.group} role="group" aria-label="Scope">
      {choose('Rules', typed.rules, names.rules, (rules) => change({ rules }))}
      {(typed.types.length > 0 || !disabled) && choose('And alert types', typed.types, names.types, (types) => change({ types }), 'Whatever rule raises them.')}
      {choose('On hosts', typed.hosts, names.hosts, (hosts) => change({ hosts }), typed.hosts.length === 0 ? 'Empty for every host.' : undefined)}
      <TagsInput
        label="On hosts with all of these labels"
        description="As name=value; one at a time, with Enter."
        size="xs"
        splitChars={['\n']}
        acceptValueOnBlur
        value={typed.labels}
        onChange={(labels) => change({ labels })}
        error={wrong}
        disabled={disabled}
      />
    </div>
  );
}

/** labelOf names an option; of those that are called the same the id tells which is which. */
function labelOf(known: ReadonlyMap<string, string>, id: string, name: string): string {
  const twins = [...known.values()].filter((n) => n === name).length > 1;
  return visible(fold(twins ? `${name} (${id})` : name, 120));
}

function Why({ typed, change, disabled }: PartProps) {
  return (
    <div className={css.group} role="group" aria-label="Name, reason and time">
      <TextInput label="Name" maxLength={128} value={typed.name} disabled={disabled} onChange={(e) => change({ name: e.currentTarget.value })} />
      <Textarea
        label="Why these alerts are wanted"
        description="For whoever looks at it in a year: who does it, and where that is written."
        autosize
        minRows={2}
        maxRows={8}
        maxLength={1024}
        value={typed.reason}
        disabled={disabled}
        onChange={(e) => change({ reason: e.currentTarget.value })}
      />
      <div className={css.time}>
        <Select
          label="It holds"
          data={[...Object.entries(lifetimes).map(([value, { label }]) => ({ value, label })), { value: 'day', label: 'To the end of a day' }]}
          value={typed.lifetime}
          allowDeselect={false}
          disabled={disabled}
          onChange={(v) => change({ lifetime: v ?? 'never', ...(v === 'day' && typed.day === '' ? { day: date(new Date(Date.now() + 30 * 24 * 3600_000).toISOString()) } : {}) })}
        />
        {typed.lifetime === 'day' && <TextInput type="date" label="Last day" value={typed.day} disabled={disabled} onChange={(e) => change({ day: e.currentTarget.value })} />}
        <Switch label="In force" checked={typed.enabled} disabled={disabled} onChange={(e) => change({ enabled: e.currentTarget.checked })} />
      </div>
    </div>
  );
}

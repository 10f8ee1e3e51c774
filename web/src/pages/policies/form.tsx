import { Button, Checkbox, Group, Modal, MultiSelect, NumberInput, Select, TagsInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Assignment, Host } from '../../api/model';
import { useHosts } from '../../api/queries';
import { featureWords } from '../../text/features';
import { parseLabels } from '../../text/labels';
import { plural } from '../../text/numbers';
import { counts, featureNames, fits } from '../../text/policies';
import { fold, visible } from '../../text/safe';
import css from './policies.module.css';

const mebibyte = 2 ** 20;

interface Props {
  title: string;
  /** What is changed; undefined for a new one. */
  from: Assignment | undefined;
  /** What the server said of a setting, by its name. */
  faults: Readonly<Record<string, string>>;
  hosts: readonly Host[];
  /** The whole document with this assignment in its place. */
  within: (a: Assignment) => { all: readonly Assignment[]; index: number };
  action: string;
  onDone: (a: Assignment) => void;
  onClose: () => void;
}

/** AssignmentDialog changes one assignment of the draft. What its settings may hold is the server's to say. */
export function AssignmentDialog(props: Props) {
  return (
    <Modal opened onClose={props.onClose} title={props.title} size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Form {...props} />
    </Modal>
  );
}

/** Fields is an assignment as it is typed. */
interface Fields {
  host: string | null;
  labels: string[];
  only: string[];
  disable: string[];
  raw: boolean;
  heartbeat: number | string;
  spool: number | string;
}

const labelTexts = (labels: Record<string, string>) => Object.entries(labels).map(([k, v]) => (v === '' ? k : `${k}=${v}`));

const typed = (a: Assignment | undefined): Fields => ({
  host: a?.host || null,
  labels: labelTexts(a?.labels ?? {}),
  only: a?.policy.only ?? [],
  disable: a?.policy.disable ?? [],
  raw: a?.policy.raw_records ?? false,
  heartbeat: a?.policy.heartbeat_seconds || '',
  spool: a?.policy.spool_bytes ? a.policy.spool_bytes / mebibyte : '',
});

/** assignmentOf is what was typed; empty settings are left out, and what the form does not know stays. */
function assignmentOf(f: Fields, from: Assignment | undefined): Assignment {
  const { host: _, labels: __, policy, ...rest } = from ?? { policy: {} };
  const { only: _only, disable: _disable, raw_records: _raw, heartbeat_seconds: _beat, spool_bytes: _spool, ...others } = policy;
  const { labels } = parseLabels(f.labels.join('\n'));
  return {
    ...rest,
    ...(f.host ? { host: f.host } : {}),
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    policy: {
      ...others,
      ...(f.only.length > 0 ? { only: f.only } : {}),
      ...(f.disable.length > 0 ? { disable: f.disable } : {}),
      ...(f.raw ? { raw_records: true } : {}),
      ...(typeof f.heartbeat === 'number' && f.heartbeat !== 0 ? { heartbeat_seconds: f.heartbeat } : {}),
      ...(typeof f.spool === 'number' && f.spool !== 0 ? { spool_bytes: Math.round(f.spool * mebibyte) } : {}),
    },
  };
}

function Form({ from, faults, hosts, within, action, onDone, onClose }: Props) {
  const [f, setF] = useState(() => typed(from));
  const change = (part: Partial<Fields>) => setF({ ...f, ...part });
  const labels = parseLabels(f.labels.join('\n'));
  const assignment = assignmentOf(f, from);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (labels.wrong === '') onDone(assignment);
  };
  const features = (value: string[], label: string, description: string, fault: string | undefined, set: (v: string[]) => void) => (
    <MultiSelect
      label={label}
      description={description}
      data={[...new Set([...featureNames, ...value])]}
      renderOption={({ option }) => (
        <span className={css.option}>
          <b>{option.value}</b>
          <span>{featureWords(option.value)}</span>
        </span>
      )}
      value={value}
      onChange={set}
      error={fault}
      clearable
      clearButtonProps={{ 'aria-label': `Clear: ${label}` }}
    />
  );
  return (
    <form onSubmit={submit} className={css.form}>
      <div role="group" aria-labelledby="for-which" className={css.group}>
        <h3 id="for-which">For which hosts</h3>
        <p className={css.note}>Leave both empty for every host. With both, the host has to have the labels too.</p>
        <LabelField value={f.labels} hosts={hosts} error={labels.wrong || faults['labels']} onChange={(next) => change({ labels: next })} />
        <HostField value={f.host} hosts={hosts} error={faults['host']} onChange={(host) => change({ host })} />
        <Reach {...within(assignment)} hosts={hosts} />
      </div>
      <div role="group" aria-labelledby="what-they-do" className={css.group}>
        <h3 id="what-they-do">What they do</h3>
        <p className={css.note}>Settings that are left empty are at their defaults. Nothing is taken over from other assignments.</p>
        {features(f.only, 'Run only', 'Empty for the features that are on by default.', faults['only'], (only) => change({ only }))}
        {features(f.disable, 'Do not run', 'Their rules see nothing then.', faults['disable'], (disable) => change({ disable }))}
        <Group grow align="flex-start">
          <NumberInput label="Heartbeat every" description="5 to 3,600 seconds" placeholder="15 seconds" suffix=" seconds" thousandSeparator="," value={f.heartbeat} onChange={(heartbeat) => change({ heartbeat })} allowDecimal={false} allowNegative={false} error={faults['heartbeat_seconds']} />
          <NumberInput label="Spool at most" description="Kept while the server is away; 16 MiB or more" placeholder="512 MiB" suffix=" MiB" thousandSeparator="," value={f.spool} onChange={(spool) => change({ spool })} decimalScale={6} allowNegative={false} error={faults['spool_bytes']} />
        </Group>
        <Checkbox label="Attach raw audit records to events" description="For rules that are written against them. Costs space on the server." checked={f.raw} onChange={(e) => change({ raw: e.currentTarget.checked })} error={faults['raw_records']} />
      </div>
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" disabled={labels.wrong !== ''}>
          {action}
        </Button>
      </Group>
    </form>
  );
}

function LabelField({ value, hosts, error, onChange }: { value: string[]; hosts: readonly Host[]; error: string | undefined; onChange: (v: string[]) => void }) {
  const known = [...new Set(hosts.flatMap((h) => labelTexts(h.labels)))].sort((a, b) => a.localeCompare(b));
  return (
    <TagsInput
      label="With all of these labels"
      placeholder={value.length === 0 ? 'group=web' : ''}
      description="One at a time, with Enter."
      data={known.slice(0, 500)}
      limit={50}
      splitChars={['\n']}
      acceptValueOnBlur
      value={value}
      onChange={onChange}
      error={error}
      clearable
      clearButtonProps={{ 'aria-label': 'Clear the labels' }}
    />
  );
}

function HostField({ value, hosts, error, onChange }: { value: string | null; hosts: readonly Host[]; error: string | undefined; onChange: (v: string | null) => void }) {
  const [wanted, setWanted] = useState('');
  const named = (h: Host) => ({ value: h.uid, label: visible(fold(h.name || h.uid, 64)) });
  const known = hosts.find((h) => h.uid === value);
  // Beyond what one list holds the server looks for the name.
  const text = wanted === known?.name ? '' : wanted.trim().slice(0, 64);
  const found = useHosts(text === '' ? {} : { text });
  const listed = (found.data?.items ?? hosts).slice(0, 200);
  const data = [...listed.map(named), ...(value && !listed.some((h) => h.uid === value) ? [known ? named(known) : { value, label: visible(fold(value, 64)) }] : [])];
  return (
    <Select
      label="Only this host"
      placeholder="any host"
      data={data}
      filter={({ options }) => options}
      renderOption={({ option }) => (
        <span className={css.option}>
          <b>{option.label}</b>
          <span className={css.uid}>{visible(fold(option.value, 64))}</span>
        </span>
      )}
      searchable
      onSearchChange={setWanted}
      nothingFoundMessage="No host has this name, id or address."
      value={value}
      onChange={onChange}
      error={error}
      clearable
      clearButtonProps={{ 'aria-label': 'Clear the host' }}
    />
  );
}

/** Reach says how many hosts an assignment would count for. */
function Reach({ all, index, hosts }: { all: readonly Assignment[]; index: number; hosts: readonly Host[] }) {
  const one = all[index];
  if (!one) return null;
  const fitting = hosts.filter((h) => fits(one, h));
  const having = fitting.filter((h) => counts(all, h) === index).length;
  return (
    <p className={css.reach} role="status">
      {fitting.length === 0 ? 'No host fits now; hosts that come to fit have it then.' : `Fits ${plural(fitting.length, 'host')}`}
      {fitting.length > 0 && (having === fitting.length ? ', and counts for all of them.' : having === 0 ? ', but later assignments count for all of them.' : `, and counts for ${plural(having, 'host')}: for the others a later one does.`)}
    </p>
  );
}

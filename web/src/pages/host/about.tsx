import { ActionIcon, Button, Group, Modal, Textarea, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconPencil } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { Link } from 'react-router';
import { useLabels } from '../../api/hosts';
import type { Heartbeat, Host } from '../../api/model';
import { usePolicies } from '../../api/policies';
import { CopyButton } from '../../components/copy';
import { HostText } from '../../components/hosttext';
import { KeyValue } from '../../components/keyvalue';
import { Labels } from '../../components/labels';
import { Panel } from '../../components/page';
import { useReason } from '../../components/rolebutton';
import { TimeAgo } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { parseLabels, writeLabels } from '../../text/labels';
import { bytes, exact } from '../../text/numbers';
import { counts, policyOf, sentence } from '../../text/policies';
import { fold, visible } from '../../text/safe';
import { span } from '../../text/time';
import css from './host.module.css';

/** About says who the host is, and what people call it. */
export function About({ host }: { host: Host }) {
  const h = host.heartbeat;
  const text = (value: string | undefined) => (value ? <HostText text={value} foldAt={160} /> : undefined);
  const up = h ? Date.parse(h.time) - Date.parse(h.started_time) : 0;
  const share = h && up > 60_000 ? ((100 * h.cpu_seconds) / (up / 1000)).toFixed(2) : undefined;
  return (
    <Panel title="About">
      <KeyValue
        items={[
          ['System', text(h?.os)],
          ['Kernel', h && text(`${h.kernel} ${h.arch}`)],
          ['Addresses', text(h?.addresses.join(', '))],
          ['Last seen', <TimeAgo key="seen" time={host.last_seen_time} />],
          ['Agent', h && <>{text(h.agent)}, started <TimeAgo time={h.started_time} />{up > 0 && Number.isFinite(up) && <span className="hf-hidden"> ({span(up)})</span>}</>],
          ['It uses', h && `${bytes(h.resident_bytes)} of memory${share ? `, ${share} % of one core` : ''}`],
          ['Policy', <PolicyRow key="policy" host={host} />],
          ['Rules', h && <RulesRow key="rules" host={h} />],
          ['Enrolled', <TimeAgo key="enrolled" time={host.enrolled_time} />],
          ['Labels', <LabelsRow key="labels" host={host} />],
          ['Id', <><HostText key="id" text={host.uid} mono /> <CopyButton text={host.uid} label="Copy the id" /></>],
        ]}
      />
      {!h && <p className={css.note}>The agent has sent no heartbeat yet. On the machine, “holdfast-agent status” says why.</p>}
    </Panel>
  );
}

const warning = (h: Heartbeat, code: string) => h.features.flatMap((f) => f.warnings ?? []).find((w) => w.code === code)?.text;

/** Refusal says what the agent refused, and why; nothing where it did not. */
function Refusal({ text, todo }: { text: string | undefined; todo: string }) {
  return (
    text && (
      <span className={css.refusal}>
        <IconAlertTriangle size={14} aria-hidden /> <span><HostText text={text} foldAt={300} /><b>{todo}</b></span>
      </span>
    )
  );
}

/** PolicyRow says which policy the host is to have, and what is in force there. */
function PolicyRow({ host }: { host: Host }) {
  const policies = usePolicies();
  const h = host.heartbeat;
  const index = policies.data ? counts(policies.data.all, host) : -1;
  const asked = policies.data && sentence(policyOf(policies.data.all, host));
  return (
    <>
      {policies.data && (
        <>
          <Link to="/settings/policies" className={css.policy}>{index < 0 ? 'Built-in' : `Assignment ${exact(index + 1)}`}</Link>: {visible(fold(asked ?? '', 300))}.{' '}
        </>
      )}
      {h && <span className={css.muted}>{h.policy_version === 0 ? 'The agent runs by its own defaults.' : `In force on the host: serial ${exact(h.policy_version)}.`}</span>}
      {h && <Refusal text={warning(h, 'policy-refused')} todo="Look at the assignment that counts for this host." />}
    </>
  );
}

const short = 12; // digits of a digest that tell it from others

/** RulesRow says by which rules the agent itself detects. */
function RulesRow({ host: h }: { host: Heartbeat }) {
  const digest = h.bundles?.['rules'];
  return (
    <>
      {digest ? (
        <>
          Holdfast’s own, and the server’s bundle <span className="hf-mono">{visible(fold(digest, short))}</span> <CopyButton text={digest} label="Copy the digest of the bundle" />
        </>
      ) : (
        'Holdfast’s own'
      )}
      <Refusal text={warning(h, 'bundle-refused')} todo="Mend the rules of the server, reload, and the host fetches them anew." />
    </>
  );
}

function LabelsRow({ host }: { host: Host }) {
  const [editing, setEditing] = useState(false);
  const reason = useReason('approver');
  const none = Object.keys(host.labels).length === 0;
  return (
    <span className={css.labelRow}>
      {none ? <span className={css.muted}>none</span> : <Labels labels={host.labels} />}
      <Tooltip label={reason || 'Edit labels'} multiline maw={280}>
        <ActionIcon size="sm" aria-label="Edit labels" aria-disabled={reason !== '' || undefined} data-disabled={reason !== '' || undefined} onClick={() => reason === '' && setEditing(true)}>
          <IconPencil size={15} />
        </ActionIcon>
      </Tooltip>
      <Modal opened={editing} onClose={() => setEditing(false)} title="Labels" size="md" closeButtonProps={{ 'aria-label': 'Close' }}>
        <LabelForm host={host} onDone={() => setEditing(false)} />
      </Modal>
    </span>
  );
}

function LabelForm({ host, onDone }: { host: Host; onDone: () => void }) {
  const [typed, setTyped] = useState(writeLabels(host.labels));
  const save = useLabels(host);
  const toast = useToast();
  const { labels, wrong } = parseLabels(typed);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    save.mutate(labels, {
      onSuccess: () => {
        toast.say('The labels are saved.');
        onDone();
      },
    });
  };
  return (
    <form onSubmit={submit}>
      <Textarea
        label="One a line, name=value"
        description="Labels say what a host is for: env=production, group=web. Lists can be narrowed by them."
        value={typed}
        onChange={(e) => setTyped(e.currentTarget.value)}
        error={wrong || save.error?.message}
        autosize
        minRows={4}
        maxRows={14}
        data-autofocus
        spellCheck={false}
      />
      <Group justify="flex-end" gap="xs" mt="md">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending} disabled={wrong !== ''}>
          Save
        </Button>
      </Group>
    </form>
  );
}

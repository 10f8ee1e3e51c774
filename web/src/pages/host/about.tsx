import { ActionIcon, Button, Group, Modal, Textarea, Tooltip } from '@mantine/core';
import { IconPencil } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { useLabels } from '../../api/hosts';
import type { Host } from '../../api/model';
import { CopyButton } from '../../components/copy';
import { HostText } from '../../components/hosttext';
import { KeyValue } from '../../components/keyvalue';
import { Labels } from '../../components/labels';
import { Panel } from '../../components/page';
import { useReason } from '../../components/rolebutton';
import { TimeAgo } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { parseLabels, writeLabels } from '../../text/labels';
import { bytes } from '../../text/numbers';
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
          ['Policy', h && (h.policy_version === 0 ? 'built-in' : `version ${h.policy_version}`)],
          ['Enrolled', <TimeAgo key="enrolled" time={host.enrolled_time} />],
          ['Labels', <LabelsRow key="labels" host={host} />],
          ['Id', <><HostText key="id" text={host.uid} mono /> <CopyButton text={host.uid} label="Copy the id" /></>],
        ]}
      />
      {!h && <p className={css.note}>The agent has sent no heartbeat yet. On the machine, “holdfast-agent status” says why.</p>}
    </Panel>
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

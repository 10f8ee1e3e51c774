import { Button, Group, Modal, NumberInput, Select, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useMakeEnrolToken } from '../api/hosts';
import { parseLabels } from '../text/labels';
import { minuteTime } from '../text/time';
import { CommandBox } from './commandbox';
import css from './confirm.module.css';

const lives = [
  { value: '3600', label: '1 hour' },
  { value: '86400', label: '1 day' },
  { value: '604800', label: '7 days' },
  { value: '2592000', label: '30 days' },
];

/** EnrolDialog makes an enrolment token and shows the line to type on a host. What it holds is gone when it closes. */
export function EnrolDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Enrol hosts" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <EnrolForm onDone={onClose} />
    </Modal>
  );
}

function EnrolForm({ onDone }: { onDone: () => void }) {
  const make = useMakeEnrolToken();
  const [note, setNote] = useState('');
  const [life, setLife] = useState('3600');
  const [uses, setUses] = useState<number | string>(1);
  const [labels, setLabels] = useState('');
  const wrong = parseLabels(labels).wrong;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    make.mutate({ note: note.trim(), expires_in_seconds: Number(life), max_uses: Number(uses) || 0, labels: parseLabels(labels).labels });
  };
  if (make.data) {
    const { token, commands } = make.data;
    return (
      <>
        <CommandBox label="Type this on the host, as root" text={commands.install} />
        <CommandBox label="Where the agent is installed already" text={commands.enroll} />
        <p className={css.text}>
          The lines hold a secret. They are shown only now, work for {token.max_uses === 0 ? 'any number of hosts' : token.max_uses === 1 ? 'one host' : `${token.max_uses} hosts`} and stop
          working on {minuteTime(token.expires_time)}. The host appears in the list by itself.
        </p>
        <Group justify="flex-end">
          <Button onClick={onDone}>Done</Button>
        </Group>
      </>
    );
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <p className={css.text}>One line, typed as root on a Linux machine, installs the agent from this server, gives it an identity of its own and starts it.</p>
        <TextInput label="What it is for" placeholder="web servers" value={note} maxLength={256} onChange={(e) => setNote(e.currentTarget.value)} data-autofocus />
        <Group grow align="flex-start">
          <Select label="Works for" data={lives} value={life} onChange={(v) => setLife(v ?? '3600')} allowDeselect={false} />
          <NumberInput label="Hosts" description="0 for any number" value={uses} onChange={setUses} min={0} max={100_000} allowDecimal={false} inputWrapperOrder={['label', 'input', 'description', 'error']} />
        </Group>
        <TextInput
          label="Labels for these hosts"
          placeholder="env=production, group=web"
          value={labels}
          onChange={(e) => setLabels(e.currentTarget.value)}
          error={wrong}
          maxLength={4096}
        />
        {make.isError && (
          <p className={css.error} role="alert">
            {make.error.message}
          </p>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending} disabled={wrong !== ''}>
            Make the line
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

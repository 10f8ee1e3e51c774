import { Button, Group, Modal, Select, Skeleton, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import type { Role, Token } from '../../api/model';
import { CommandBox } from '../../components/commandbox';
import { Confirm } from '../../components/confirm';
import { Panel } from '../../components/page';
import { type PlainColumn, PlainTable } from '../../components/plaintable';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo, useNow } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { visible } from '../../text/safe';
import { useDropToken, useMakeToken, useTokens } from './data';
import css from './settings.module.css';
import { roleData } from './users';

const day = 24 * 3600_000;
const lives = [
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: '1 year' },
];

/** Tokens lists the credentials of programs, and makes and revokes them. */
export function Tokens() {
  const tokens = useTokens();
  const now = useNow();
  const [making, setMaking] = useState(false);
  const [dropping, setDropping] = useState<Token | null>(null);
  const make = (
    <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setMaking(true)}>
      Make a token
    </Button>
  );
  const columns: PlainColumn<Token>[] = [
    { key: 'note', title: 'What it is for', render: (t) => visible(t.note) },
    { key: 'role', title: 'Role', render: (t) => t.role },
    { key: 'by', title: 'Made by', render: (t) => visible(t.created_by) },
    { key: 'used', title: 'Last used', render: (t) => <TimeAgo time={t.last_used_time} plain /> },
    { key: 'expires', title: 'Expires', render: (t) => (Date.parse(t.expires_time) <= now ? <span className={css.off}>expired</span> : <TimeAgo time={t.expires_time} plain />) },
    {
      key: 'act',
      title: 'Actions',
      quiet: true,
      render: (t) => (
        <Button variant="default" aria-label={`Revoke the token for ${t.note}`} onClick={() => setDropping(t)}>
          Revoke
        </Button>
      ),
    },
  ];
  return (
    <Panel title="API tokens" hint="for programs: sent as Authorization: Bearer" flush aside={make}>
      {tokens.isPending && <Skeleton height={120} m={16} width="auto" />}
      {tokens.isError && !tokens.data && <ErrorState error={tokens.error} retry={() => void tokens.refetch()} />}
      {tokens.data?.items.length === 0 && <EmptyState title="No tokens" text="The command line, a SIEM or a script signs in with one. The interface is described at /openapi.json." />}
      {tokens.data && tokens.data.items.length > 0 && <PlainTable label="API tokens" columns={columns} rows={tokens.data.items} id={(t) => t.uid} />}
      <Modal opened={making} onClose={() => setMaking(false)} title="Make an API token" size="md" closeButtonProps={{ 'aria-label': 'Close' }}>
        <TokenForm onDone={() => setMaking(false)} />
      </Modal>
      {dropping && <Revoke token={dropping} onClose={() => setDropping(null)} />}
    </Panel>
  );
}

function Revoke({ token, onClose }: { token: Token; onClose: () => void }) {
  const drop = useDropToken();
  const toast = useToast();
  const done = {
    onSuccess: () => {
      toast.say('The token is revoked.');
      onClose();
    },
  };
  return (
    <Confirm opened onClose={onClose} title="Revoke this token?" action="Revoke" danger pending={drop.isPending} error={drop.error} onConfirm={() => drop.mutate(token.uid, done)}>
      <p>Programs that use the token for “{visible(token.note)}” are refused from now on. It cannot be brought back.</p>
    </Confirm>
  );
}

function TokenForm({ onDone }: { onDone: () => void }) {
  const make = useMakeToken();
  const [note, setNote] = useState('');
  const [role, setRole] = useState<Role>('reader');
  const [life, setLife] = useState('90');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    make.mutate({ note: note.trim(), role, expires_time: new Date(Date.now() + Number(life) * day).toISOString() });
  };
  if (make.data) {
    return (
      <>
        <CommandBox label="The token" text={make.data.secret} />
        <p className={css.note}>It is shown only now. Keep it where the program reads its secrets; if it is lost, revoke it and make another.</p>
        <Group justify="flex-end">
          <Button onClick={onDone}>Done</Button>
        </Group>
      </>
    );
  }
  return (
    <form onSubmit={submit} className={css.form}>
      <TextInput label="What it is for" placeholder="SIEM import" value={note} onChange={(e) => setNote(e.currentTarget.value)} maxLength={256} required withAsterisk={false} data-autofocus />
      <Select label="Role" description="Never more than its maker has at the time of use." data={roleData} value={role} onChange={(r) => setRole((r ?? 'reader') as Role)} allowDeselect={false} />
      <Select label="Works for" data={lives} value={life} onChange={(v) => setLife(v ?? '90')} allowDeselect={false} />
      {make.isError && (
        <p className={css.bad} role="alert">
          {make.error.message}
        </p>
      )}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={make.isPending} disabled={note.trim() === ''}>
          Make
        </Button>
      </Group>
    </form>
  );
}

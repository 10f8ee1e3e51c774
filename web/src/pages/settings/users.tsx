import { ActionIcon, Button, Group, Menu, Modal, PasswordInput, Select, Skeleton, TextInput } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { type Role, type User, roles } from '../../api/model';
import { useSession, useUsers } from '../../api/queries';
import { Confirm } from '../../components/confirm';
import { Panel } from '../../components/page';
import { type PlainColumn, PlainTable } from '../../components/plaintable';
import { ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { visible } from '../../text/safe';
import { useAddUser, useChangeUser, useDropUser, useSetPassword } from './data';
import css from './settings.module.css';

const roleWords: Record<Role, string> = {
  reader: 'looks at everything',
  responder: 'also works on alerts and simulates',
  approver: 'also enrols and labels hosts',
  admin: 'also revokes hosts, keeps users and settings',
};

/** roleData are the roles with what each may do, for a list to choose from. */
export const roleData = roles.map((value) => ({ value, label: `${value}: ${roleWords[value]}` }));

type Doing = { user: User; what: 'password' | 'disable' | 'delete' } | null;

/** Users lists who may sign in, and changes it. */
export function Users() {
  const users = useUsers();
  const me = useSession().data?.user.name;
  const change = useChangeUser();
  const toast = useToast();
  const [adding, setAdding] = useState(false);
  const [doing, setDoing] = useState<Doing>(null);
  const setRole = (user: User, role: Role) =>
    change.mutate({ user, change: { role } }, { onSuccess: () => toast.say(`${user.name} has the role ${role} now.`), onError: (error) => toast.complain(error) });
  const enable = (user: User) =>
    change.mutate({ user, change: { disabled: false } }, { onSuccess: () => toast.say(`${user.name} may sign in again.`), onError: (error) => toast.complain(error) });
  const columns: PlainColumn<User>[] = [
    {
      key: 'name',
      title: 'Name',
      render: (u) => (
        <>
          {visible(u.name)}
          {u.name === me && <span className={css.muted}> (you)</span>}
          {u.full_name && <span className={css.second}>{visible(u.full_name)}</span>}
        </>
      ),
    },
    {
      key: 'role',
      title: 'Role',
      render: (u) =>
        u.external ? (
          <>
            {u.role} <span className={css.muted}>(as the provider says)</span>
          </>
        ) : (
          <Select aria-label={`Role of ${u.name}`} w={116} data={roles.map((r) => ({ value: r, label: r }))} value={u.role} allowDeselect={false} onChange={(r) => r && r !== u.role && setRole(u, r as Role)} />
        ),
    },
    { key: 'from', title: 'Signs in by', render: (u) => (u.external ? 'OpenID provider' : 'password') },
    { key: 'state', title: 'State', render: (u) => (u.disabled ? <span className={css.off}>disabled</span> : 'active') },
    { key: 'last', title: 'Last signed in', render: (u) => <TimeAgo time={u.last_logon_time} plain /> },
    {
      key: 'act',
      title: 'Actions',
      quiet: true,
      render: (u) => (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon aria-label={`Actions for ${u.name}`}>
              <IconDots size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {!u.external && <Menu.Item onClick={() => setDoing({ user: u, what: 'password' })}>Set a new password…</Menu.Item>}
            {u.disabled ? <Menu.Item onClick={() => enable(u)}>Enable</Menu.Item> : <Menu.Item onClick={() => setDoing({ user: u, what: 'disable' })}>Disable…</Menu.Item>}
            <Menu.Item onClick={() => setDoing({ user: u, what: 'delete' })}>Delete…</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      ),
    },
  ];
  return (
    <Panel
      title="Users"
      flush
      aside={
        <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setAdding(true)}>
          Add a user
        </Button>
      }
    >
      {users.isPending && <Skeleton height={140} m={16} width="auto" />}
      {users.isError && !users.data && <ErrorState error={users.error} retry={() => void users.refetch()} />}
      {users.data && <PlainTable label="Users" columns={columns} rows={users.data.items} id={(u) => u.name} />}
      <Modal opened={adding} onClose={() => setAdding(false)} title="Add a user" size="md" closeButtonProps={{ 'aria-label': 'Close' }}>
        <UserForm onDone={() => setAdding(false)} />
      </Modal>
      <Modal opened={doing?.what === 'password'} onClose={() => setDoing(null)} title={`New password for ${doing?.user.name ?? ''}`} size="md" closeButtonProps={{ 'aria-label': 'Close' }}>
        {doing && <PasswordForm user={doing.user} onDone={() => setDoing(null)} />}
      </Modal>
      {doing && doing.what !== 'password' && <Removal user={doing.user} remove={doing.what === 'delete'} onClose={() => setDoing(null)} />}
    </Panel>
  );
}

function UserForm({ onDone }: { onDone: () => void }) {
  const add = useAddUser();
  const toast = useToast();
  const [name, setName] = useState('');
  const [full, setFull] = useState('');
  const [role, setRole] = useState<Role>('reader');
  const [password, setPassword] = useState('');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    add.mutate(
      { name: name.trim(), full_name: full.trim(), role, password },
      {
        onSuccess: (u) => {
          toast.say(`${u.name} may sign in now.`);
          onDone();
        },
      },
    );
  };
  return (
    <form onSubmit={submit} className={css.form}>
      <TextInput label="User name" description="Lower-case letters, digits, and . _ - @" value={name} onChange={(e) => setName(e.currentTarget.value)} pattern="[a-z0-9][a-z0-9._@\-]*" maxLength={64} autoComplete="off" autoCapitalize="none" spellCheck={false} required withAsterisk={false} data-autofocus />
      <TextInput label="Full name" value={full} onChange={(e) => setFull(e.currentTarget.value)} maxLength={128} autoComplete="off" />
      <Select label="Role" data={roleData} value={role} onChange={(r) => setRole((r ?? 'reader') as Role)} allowDeselect={false} />
      <PasswordInput label="First password" description="At least 12 characters. The person changes it under Your account." value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="new-password" minLength={12} required withAsterisk={false} />
      {add.isError && (
        <p className={css.bad} role="alert">
          {add.error.message}
        </p>
      )}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={add.isPending}>
          Add
        </Button>
      </Group>
    </form>
  );
}

function PasswordForm({ user, onDone }: { user: User; onDone: () => void }) {
  const set = useSetPassword();
  const toast = useToast();
  const [password, setPassword] = useState('');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    set.mutate(
      { name: user.name, password },
      {
        onSuccess: () => {
          toast.say(`${user.name} has a new password. All sessions of this user have ended.`);
          onDone();
        },
      },
    );
  };
  return (
    <form onSubmit={submit} className={css.form}>
      <PasswordInput label="New password" description="At least 12 characters. All sessions of this user end." value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="new-password" minLength={12} required withAsterisk={false} data-autofocus error={set.error?.message} />
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" loading={set.isPending}>
          Set password
        </Button>
      </Group>
    </form>
  );
}

function Removal({ user, remove, onClose }: { user: User; remove: boolean; onClose: () => void }) {
  const change = useChangeUser();
  const drop = useDropUser();
  const toast = useToast();
  const done = (words: string) => ({
    onSuccess: () => {
      toast.say(words);
      onClose();
    },
  });
  return (
    <Confirm
      opened
      onClose={onClose}
      title={`${remove ? 'Delete' : 'Disable'} ${user.name}?`}
      action={remove ? 'Delete' : 'Disable'}
      danger
      pending={change.isPending || drop.isPending}
      error={change.error ?? drop.error}
      onConfirm={() => (remove ? drop.mutate(user.name, done(`${user.name} is deleted.`)) : change.mutate({ user, change: { disabled: true } }, done(`${user.name} may no longer sign in.`)))}
    >
      <p>Sessions end at once, and API tokens that {user.name} made are refused.</p>
      <p>{remove ? 'What this user did stays in the audit log and with the alerts.' : 'The account stays and can be enabled again.'}</p>
    </Confirm>
  );
}

import { Button, PasswordInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useSession } from '../../api/queries';
import { KeyValue } from '../../components/keyvalue';
import { Panel } from '../../components/page';
import { useToast } from '../../components/toast';
import { visible } from '../../text/safe';
import { minuteTime } from '../../text/time';
import { useChangeOwnPassword } from './data';
import css from './settings.module.css';

/** Account is the signed-in person's own account. */
export function Account() {
  const session = useSession().data;
  if (!session) return null;
  const { user } = session;
  return (
    <>
      <Panel title="You">
        <KeyValue
          items={[
            ['Name', visible(user.full_name || user.name)],
            ['Signs in as', visible(user.name)],
            ['Role', user.role],
            ['This session ends', minuteTime(session.expires_time)],
          ]}
        />
      </Panel>
      <Panel title="Password">
        {user.external ? <p className={css.note}>You sign in through the OpenID provider, which keeps your password. It is changed there.</p> : <PasswordForm name={user.name} />}
      </Panel>
    </>
  );
}

function PasswordForm({ name }: { name: string }) {
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const change = useChangeOwnPassword();
  const toast = useToast();
  const differs = again !== '' && again !== fresh;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (differs) return;
    change.mutate(
      { old, new: fresh },
      {
        onSuccess: () => {
          setOld('');
          setFresh('');
          setAgain('');
          toast.say('The password is changed. Your other sessions have ended.');
        },
      },
    );
  };
  return (
    <form onSubmit={submit} className={css.form}>
      <input type="text" name="username" value={name} autoComplete="username" readOnly hidden />
      <PasswordInput label="Present password" value={old} onChange={(e) => setOld(e.currentTarget.value)} autoComplete="current-password" required withAsterisk={false} />
      <PasswordInput label="New password" description="At least 12 characters. A few words in a row are good." value={fresh} onChange={(e) => setFresh(e.currentTarget.value)} autoComplete="new-password" minLength={12} required withAsterisk={false} />
      <PasswordInput label="New password again" value={again} onChange={(e) => setAgain(e.currentTarget.value)} autoComplete="new-password" error={differs && 'The two differ.'} required withAsterisk={false} />
      {change.isError && (
        <p className={css.bad} role="alert">
          {change.error.message}
        </p>
      )}
      <div>
        <Button type="submit" loading={change.isPending}>
          Change password
        </Button>
      </div>
    </form>
  );
}

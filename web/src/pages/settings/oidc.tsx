import { Button, Group, PasswordInput, Skeleton, TextInput, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Settings } from '../../api/model';
import { CommandBox } from '../../components/commandbox';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import { useToast } from '../../components/toast';
import { parseRoles, writeRoles } from '../../text/roles';
import { type Versioned, useSaveSettings, useSettings } from './data';
import css from './settings.module.css';

/** SingleSignOn sets the OpenID provider through which people may sign in. */
export function SingleSignOn() {
  const settings = useSettings();
  return (
    <Panel title="Single sign-on" hint="by an OpenID Connect provider, beside local users">
      {settings.isPending && <Skeleton height={320} />}
      {settings.isError && !settings.data && <ErrorState error={settings.error} retry={() => void settings.refetch()} />}
      {settings.data && <Form key={settings.data.tag} {...settings.data} />}
    </Panel>
  );
}

const empty = { issuer: '', name: '', client_id: '', client_secret: '', user_claim: '', role_claim: '', scopes: '', roles: '' };

function fields({ oidc }: Settings): typeof empty {
  const { issuer, name, client_id, user_claim, role_claim, scopes, roles } = oidc;
  return { issuer, name, client_id, client_secret: '', user_claim, role_claim, scopes: scopes?.join(' ') ?? '', roles: writeRoles(roles ?? {}) };
}

function Form({ settings, tag }: Versioned) {
  const [v, setV] = useState(() => fields(settings));
  const save = useSaveSettings();
  const toast = useToast();
  const { roles, wrong } = parseRoles(v.roles);
  const text = (name: keyof typeof empty) => ({ value: v[name], onChange: (e: { currentTarget: { value: string } }) => setV({ ...v, [name]: e.currentTarget.value }), autoComplete: 'off', spellCheck: false });
  const send = (f: typeof empty, roleMap: typeof roles, said: string) =>
    save.mutate(
      {
        tag,
        update: {
          oidc: {
            issuer: f.issuer.trim(), name: f.name.trim(), client_id: f.client_id.trim(), user_claim: f.user_claim.trim(), role_claim: f.role_claim.trim(),
            scopes: f.scopes.split(/[\s,]+/).filter((s) => s !== ''), roles: roleMap, ...(f.client_secret ? { client_secret: f.client_secret } : {}),
          },
        },
      },
      { onSuccess: () => toast.say(said) },
    );
  const submit = (e: FormEvent) => {
    e.preventDefault();
    send(v, roles, 'Single sign-on is saved. Try it in a private window before you sign out.');
  };
  return (
    <form onSubmit={submit} className={css.form}>
      <CommandBox label="Redirect address, to be entered at the provider" text={`${window.location.origin}/api/v1/oidc/callback`} />
      <TextInput label="Issuer" description="The provider’s address, https. Empty switches single sign-on off." placeholder="https://id.example.org/realms/main" type="url" maxLength={512} {...text('issuer')} />
      <TextInput label="Name on the button" placeholder="Keycloak" maxLength={64} {...text('name')} />
      <TextInput label="Client id" maxLength={256} required={v.issuer !== ''} withAsterisk={false} {...text('client_id')} />
      <PasswordInput label="Client secret" description={settings.oidc.client_secret_set ? 'One is set and never shown. Leave empty to keep it.' : 'None is set.'} maxLength={1024} {...text('client_secret')} autoComplete="new-password" />
      <Textarea label="Who gets which role" description="One a line: a value of the role claim, =, and a role. The highest counts. Who has none may not sign in." placeholder={'security-team=responder\nplatform-admins=admin'} autosize minRows={3} maxRows={12} error={wrong} {...text('roles')} />
      <TextInput label="Role claim" placeholder="groups" maxLength={64} {...text('role_claim')} />
      <TextInput label="User name claim" placeholder="preferred_username" maxLength={64} {...text('user_claim')} />
      <TextInput label="More scopes" description="Asked for besides openid, profile and email." placeholder="groups" maxLength={512} {...text('scopes')} />
      {save.isError && (
        <p className={css.bad} role="alert">
          {save.error.message}
        </p>
      )}
      <Group gap="xs">
        <Button type="submit" loading={save.isPending} disabled={wrong !== ''}>
          Save
        </Button>
        {settings.oidc.issuer !== '' && (
          <Button variant="default" onClick={() => send({ ...v, issuer: '' }, roles, 'Single sign-on is switched off.')}>
            Switch off
          </Button>
        )}
      </Group>
    </form>
  );
}

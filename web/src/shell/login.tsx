import { Button, Divider, PasswordInput, TextInput } from '@mantine/core';
import { type FormEvent, useEffect, useState } from 'react';
import { Navigate, useSearchParams } from 'react-router';
import { useLogin, useLoginOptions, useSession } from '../api/queries';
import { ErrorState } from '../components/states';
import { Brand } from './brand';
import css from './login.module.css';
import { nextPath } from './next';

/** Component is the login page: local name and password, the OpenID provider, or both. */
export function Component() {
  const [query] = useSearchParams();
  const next = nextPath(query.get('next'));
  const session = useSession();
  const options = useLoginOptions();
  useEffect(() => {
    document.title = 'Sign in · Holdfast';
  }, []);
  if (session.data) {
    return <Navigate to={next} replace />;
  }
  return (
    <main className={css.page}>
      <div className={css.card}>
        <div className={css.brand}>
          <Brand />
        </div>
        <h1 className={css.title}>Sign in</h1>
        {query.get('error') && (
          <p className={css.error} role="alert">
            {query.get('error')?.slice(0, 300)}
          </p>
        )}
        {options.isError && <ErrorState error={options.error} retry={() => void options.refetch()} />}
        {options.data?.local && <LocalForm />}
        {options.data?.local && options.data.oidc && <Divider my="md" label="or" />}
        {options.data?.oidc && (
          <Button component="a" href={`/api/v1/oidc/start?next=${encodeURIComponent(next)}`} variant="default" size="sm" fullWidth>
            Continue with {options.data.oidc_name || 'single sign-on'}
          </Button>
        )}
        {options.data && <p className={css.version}>Holdfast {options.data.version}</p>}
      </div>
    </main>
  );
}

function LocalForm() {
  const login = useLogin();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    login.mutate({ name: name.trim(), password }, { onError: () => setPassword('') });
  };
  return (
    <form onSubmit={submit} className={css.form}>
      <TextInput
        label="User name"
        size="sm"
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        required
        withAsterisk={false}
      />
      <PasswordInput
        label="Password"
        size="sm"
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
        autoComplete="current-password"
        required
        withAsterisk={false}
      />
      {login.isError && (
        <p className={css.error} role="alert">
          {login.error.message}
        </p>
      )}
      <Button type="submit" size="sm" loading={login.isPending} fullWidth>
        Sign in
      </Button>
      <p className={css.hint}>
        First time here? Sign in as admin. The password stands in the file first-password of the server’s data folder.
      </p>
    </form>
  );
}

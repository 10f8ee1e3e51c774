import { Button } from '@mantine/core';
import { IconServerBolt } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { client, must } from '../../api/client';
import type { Overview } from '../../api/model';
import { useMay } from '../../api/queries';
import { CommandBox } from '../../components/commandbox';
import { Page } from '../../components/page';
import { TimeAgo } from '../../components/timeago';
import { Conditions } from './conditions';
import css from './firstrun.module.css';

/** FirstRun leads to the first host: the exact command to type, then waiting for it to appear. */
export function FirstRun({ overview }: { overview: Overview }) {
  const may = useMay('approver');
  const token = useMutation({ mutationFn: () => must(client.POST('/enroll-tokens', { body: { note: 'first host', expires_in_seconds: 3600 } })) });
  return (
    <Page title="Welcome">
      <Conditions overview={overview} />
      <section className={css.card}>
        <IconServerBolt size={34} stroke={1.4} aria-hidden className={css.icon} />
        <h2 className={css.title}>Enrol your first host</h2>
        <p className={css.text}>
          Nothing is protected yet. One command, typed as root on a Linux machine, installs the agent from this server, gives it an identity and starts it. Alerts and
          telemetry then appear here by themselves.
        </p>
        {!may && <p className={css.text}>Enrolling hosts needs the role approver. Ask an administrator.</p>}
        {may && !token.data && (
          <Button size="sm" loading={token.isPending} onClick={() => token.mutate()}>
            Create the command
          </Button>
        )}
        {token.isError && (
          <p className={css.bad} role="alert">
            {token.error.message}
          </p>
        )}
        {token.data && (
          <>
            <CommandBox label="Type this on the host, as root" text={token.data.commands.install} />
            <CommandBox label="Where the agent is installed already" text={token.data.commands.enroll} />
            <p className={css.text}>
              The command holds a secret. It is shown only now, and stops working <TimeAgo time={token.data.token.expires_time} />. More of them are made under Settings, Enrolment.
            </p>
            <p className={css.wait} role="status">
              <span className={css.dot} aria-hidden /> Waiting for the host. This page changes by itself.
            </p>
          </>
        )}
      </section>
    </Page>
  );
}

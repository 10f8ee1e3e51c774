import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { client } from '../../api/client';
import { save, stamp } from '../../components/download';
import { Panel } from '../../components/page';
import { useToast } from '../../components/toast';
import { bytes } from '../../text/numbers';
import css from './settings.module.css';

/** take fetches a backup and gives it to the browser to save. */
async function take(): Promise<number> {
  const { data } = await client.POST('/backup', { parseAs: 'blob' });
  const blob = data as unknown as Blob;
  save(blob, `holdfast-${stamp()}.tar`);
  return blob.size;
}

/** Backup takes a backup of the whole server while it runs. */
export function Backup() {
  const toast = useToast();
  const backup = useMutation({ mutationFn: take, onSuccess: (size) => toast.say(`The backup is taken: ${bytes(size)}.`) });
  return (
    <Panel title="Backup">
      <p className={css.note}>
        One tar file with everything: state, alerts, telemetry, settings and keys. The server goes on meanwhile. It holds the server’s private keys, so keep it as safe as the
        server itself.
      </p>
      <Button leftSection={<IconDownload size={15} aria-hidden />} loading={backup.isPending} onClick={() => backup.mutate()}>
        Take a backup
      </Button>
      {backup.isError && (
        <p className={css.bad} role="alert">
          {backup.error.message}
        </p>
      )}
      <p className={css.note}>
        Large servers are better backed up on the machine, with <code>holdfast-server backup FILE</code>. An empty data folder takes it back with{' '}
        <code>holdfast-server restore FILE --data DIR</code>.
      </p>
    </Panel>
  );
}

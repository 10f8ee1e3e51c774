import { useAccess } from '../../api/hosts';
import type { Host } from '../../api/model';
import { Confirm } from '../../components/confirm';
import { useToast } from '../../components/toast';
import { fold, visible } from '../../text/safe';

/** AccessDialog asks before a host is revoked, or allowed again, and does it. */
export function AccessDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const access = useAccess();
  const toast = useToast();
  const allow = host.state === 'revoked';
  const name = visible(fold(host.name || host.uid, 64));
  const confirm = () =>
    access.mutate(
      { host, allow },
      {
        onSuccess: () => {
          toast.say(allow ? `${name} may speak to the server again.` : `${name} is cut off.`);
          onClose();
        },
      },
    );
  return (
    <Confirm
      opened
      onClose={onClose}
      title={allow ? `Allow ${name} again?` : `Revoke ${name}?`}
      action={allow ? 'Allow again' : 'Revoke'}
      danger={!allow}
      onConfirm={confirm}
      pending={access.isPending}
      error={access.error}
    >
      {allow ? (
        <p>Its agent may connect with the credential that it has. What it kept in its spool meanwhile comes in.</p>
      ) : (
        <>
          <p>Its agent is cut off at once and told so. Nothing more of this machine is seen until it is allowed again.</p>
          <p>Its alerts and telemetry stay. The agent keeps new events in its spool, as far as that has room.</p>
        </>
      )}
    </Confirm>
  );
}

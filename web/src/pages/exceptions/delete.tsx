import type { Exception } from '../../api/model';
import { Confirm } from '../../components/confirm';
import { useToast } from '../../components/toast';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { useDelete } from './data';

/** DeleteDialog asks before an exception is deleted. */
export function DeleteDialog({ exception: e, onClose, onDone }: { exception: Exception; onClose: () => void; onDone?: () => void }) {
  const drop = useDelete();
  const toast = useToast();
  const confirm = () =>
    drop.mutate(e.uid, {
      onSuccess: () => {
        toast.say('The exception is deleted.');
        onClose();
        onDone?.();
      },
    });
  return (
    <Confirm opened onClose={onClose} title={`Delete “${visible(fold(e.name, 80))}”?`} action="Delete" danger pending={drop.isPending} error={drop.error} onConfirm={confirm}>
      <p>
        It hides nothing from now on. Alerts that it has hidden, {exact(e.hits)} so far, stay suppressed; one that comes up again is opened again. Disable it instead to keep its text and its count.
      </p>
    </Confirm>
  );
}

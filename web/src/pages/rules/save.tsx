import { Modal, Button, Group, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { ApiError } from '../../api/errors';
import { type RuleDoc, type RuleState, useSaveDoc } from '../../api/rules';
import { DiffList } from '../../components/difflist';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './editor.module.css';
import { stateNames, stateWords } from './words';

interface Props {
  name: string;
  text: string;
  state: RuleState;
  base: RuleDoc | undefined;
  problems: number;
  onDone: (doc: RuleDoc) => void;
  onClose: () => void;
}

const actions: Record<RuleState, string> = { draft: 'Save the draft', test: 'Save and test', live: 'Save and make live' };

/** SaveDialog shows what a version changes, asks why, and saves it. */
export function SaveDialog({ name, text, state, base, problems, onDone, onClose }: Props) {
  const [note, setNote] = useState('');
  const save = useSaveDoc();
  const submit = (e: FormEvent) => {
    e.preventDefault();
    save.mutate({ name, over: base?.version ?? 0, text, state, note: note.trim() }, { onSuccess: onDone });
  };
  return (
    <Modal opened onClose={onClose} title={base ? `Save version ${exact(base.version + 1)} of ${visible(fold(name, 120))}?` : `Save ${visible(fold(name, 120))}?`} size="xl" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={submit} className={css.form}>
        <p className={css.meaning}>
          <b>{base && base.state !== state ? `${stateNames[base.state]} → ${stateNames[state]}` : stateNames[state]}.</b> {stateWords[state]}
        </p>
        {base && <DiffList label="What this version changes" before={base.text ?? ''} after={text} />}
        {problems > 0 && state !== 'draft' && <p className={css.bad}>The text has problems: the server will refuse it in this state.</p>}
        <TextInput label="Why" description="Kept with the version." placeholder={base ? 'Narrowed to the web servers' : ''} value={note} onChange={(e) => setNote(e.currentTarget.value)} maxLength={1024} data-autofocus />
        {save.isError && (
          <p className={css.bad} role="alert">
            {told(save.error, base !== undefined)}
          </p>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending}>
            {actions[state]}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}

function told(error: Error, there: boolean): string {
  if (!(error instanceof ApiError) || !error.conflict) return error.message;
  return there ? 'Somebody else saved another version meanwhile. Yours is kept: close this, and choose above the text what becomes of the two.' : 'There is a document of this name already. Choose another.';
}

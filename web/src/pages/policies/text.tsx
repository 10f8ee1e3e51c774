import { Button, Group, Modal, Skeleton, Textarea } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Assignment } from '../../api/model';
import { CopyButton } from '../../components/copy';
import { ErrorState } from '../../components/states';
import { read } from '../../text/policies';
import css from './policies.module.css';

// Most people never need it: it is loaded with the first text.
const yaml = () => import('yaml');

interface Props {
  title: string;
  all: readonly Assignment[];
  /** What the server said of them; "" for nothing. */
  fault?: string;
  /** Takes what was typed; absent where it may only be read. */
  onTake?: (all: Assignment[]) => void;
  onClose: () => void;
}

/** TextDialog shows policies as the text that "holdfast policies" prints and takes. */
export function TextDialog(props: Props) {
  const text = useQuery({
    queryKey: ['policies-text', props.all],
    queryFn: async () => (await yaml()).stringify({ assignments: props.all }, { lineWidth: 0 }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  return (
    <Modal opened onClose={props.onClose} title={props.title} size="xl" closeButtonProps={{ 'aria-label': 'Close' }}>
      {text.isPending && <Skeleton height={320} />}
      {text.isError && <ErrorState error={text.error} retry={() => void text.refetch()} />}
      {text.data !== undefined && <Text {...props} text={text.data} />}
    </Modal>
  );
}

/** parsed reads a text, YAML or JSON, which is YAML too; it throws what is wrong with it. */
async function parsed(text: string): Promise<Assignment[]> {
  const document: unknown = (await yaml()).parse(text, { prettyErrors: true, maxAliasCount: 100 });
  const { all, wrong } = read(document);
  if (wrong) throw new Error(wrong);
  return all;
}

function Text({ text, fault, onTake, onClose }: Props & { text: string }) {
  const [typed, setTyped] = useState(text);
  const take = useMutation({ mutationFn: parsed, onSuccess: (all) => onTake?.(all) });
  const wrong = take.error?.message ?? (typed === text ? fault : '');
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        take.mutate(typed);
      }}
    >
      {wrong && (
        <p className={css.wrong} role="alert">
          {wrong}
        </p>
      )}
      <Textarea
        aria-label="Policies as YAML"
        description={onTake ? 'YAML or JSON, as “holdfast policies set” takes it. It becomes the draft; nothing comes into force yet.' : 'As “holdfast policies show -o yaml” prints it.'}
        value={typed}
        onChange={(e) => {
          take.reset();
          setTyped(e.currentTarget.value);
        }}
        readOnly={!onTake}
        classNames={{ input: css.code ?? '' }}
        autosize
        minRows={12}
        maxRows={26}
        maxLength={2 ** 20}
        spellCheck={false}
        autoComplete="off"
        data-autofocus
      />
      <Group justify="space-between" gap="xs" mt="md">
        <CopyButton text={typed} label="Copy the text" words="Copy" />
        <Group gap="xs">
          <Button variant="default" onClick={onClose}>
            {onTake ? 'Cancel' : 'Close'}
          </Button>
          {onTake && (
            <Button type="submit" loading={take.isPending} disabled={typed === text}>
              Change the draft
            </Button>
          )}
        </Group>
      </Group>
    </form>
  );
}

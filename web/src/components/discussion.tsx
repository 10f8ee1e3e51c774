import { Button, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Comment } from '../api/model';
import { useMay } from '../api/queries';
import { visible } from '../text/safe';
import css from './discussion.module.css';
import { Panel } from './page';
import { ErrorState } from './states';
import { TimeAgo } from './timeago';
import { useToast } from './toast';

interface Props {
  /** What people said, oldest first, as it was asked for. */
  comments: { data?: { items: readonly Comment[] } | undefined; isError: boolean; error: unknown; refetch: () => unknown };
  /** Adds a comment. */
  say: { mutate: (text: string, then: { onSuccess: () => void; onError: (error: Error) => void }) => void; isPending: boolean };
}

/** Discussion is what people said and did about something, and where to say more. */
export function Discussion({ comments, say }: Props) {
  const may = useMay('responder');
  return (
    <Panel title="Comments and history">
      {comments.isError && <ErrorState error={comments.error} retry={() => void comments.refetch()} />}
      {comments.data?.items.length === 0 && <p className={css.small}>Nobody has said or changed anything yet.</p>}
      <ul className={css.history}>
        {comments.data?.items.map((c) => (
          <li key={c.uid}>
            <div className={css.said}>
              <b>{visible(c.by)}</b> {c.change && <span>{visible(c.change)}</span>} <TimeAgo time={c.time} />
            </div>
            {c.text && (
              <p className={css.comment}>
                {c.text.split('\n').map((line, i) => (
                  <span key={i}>{visible(line)}</span>
                ))}
              </p>
            )}
          </li>
        ))}
      </ul>
      {may && <CommentForm say={say} />}
    </Panel>
  );
}

function CommentForm({ say }: Pick<Props, 'say'>) {
  const [text, setText] = useState('');
  const toast = useToast();
  const send = () => {
    if (text.trim() !== '') say.mutate(text.trim(), { onSuccess: () => setText(''), onError: (error) => toast.complain(error) });
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    send();
  };
  return (
    <form className={css.form} onSubmit={submit}>
      <Textarea
        aria-label="Comment"
        placeholder="Add a comment"
        autosize
        minRows={2}
        maxRows={10}
        maxLength={16_384}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) send();
        }}
      />
      <Button type="submit" variant="default" loading={say.isPending} disabled={text.trim() === ''}>
        Comment
      </Button>
    </form>
  );
}

import { Button, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useMay } from '../../api/queries';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { visible } from '../../text/safe';
import css from './alert.module.css';
import { useComment, useComments } from './data';

/** History is what people said and did about the alert, and where to say more. */
export function History({ uid }: { uid: string }) {
  const comments = useComments(uid);
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
      {may && <CommentForm uid={uid} />}
    </Panel>
  );
}

function CommentForm({ uid }: { uid: string }) {
  const [text, setText] = useState('');
  const toast = useToast();
  const comment = useComment(uid);
  const send = () => {
    if (text.trim() !== '') comment.mutate(text.trim(), { onSuccess: () => setText(''), onError: (error) => toast.complain(error) });
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    send();
  };
  return (
    <form className={css.commentForm} onSubmit={submit}>
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
      <Button type="submit" variant="default" loading={comment.isPending} disabled={text.trim() === ''}>
        Comment
      </Button>
    </form>
  );
}

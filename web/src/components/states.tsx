import { Button } from '@mantine/core';
import { IconAlertTriangle, IconPlugConnectedX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { ApiError } from '../api/errors';
import css from './states.module.css';

/** EmptyState says that there is nothing, and what to do about it. */
export function EmptyState(props: { title: string; text?: ReactNode; action?: ReactNode; icon?: ReactNode }) {
  return (
    <div className={css.state}>
      {props.icon && <div className={css.icon}>{props.icon}</div>}
      <p className={css.title}>{props.title}</p>
      {props.text && <div className={css.text}>{props.text}</div>}
      {props.action}
    </div>
  );
}

/** ErrorState says in the server's sentence what went wrong, and offers to try again. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const offline = error instanceof ApiError && error.offline;
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div className={css.state} role="alert">
      <div className={css.icon} data-bad>
        {offline ? <IconPlugConnectedX size={26} aria-hidden /> : <IconAlertTriangle size={26} aria-hidden />}
      </div>
      <p className={css.title}>{offline ? 'No connection to the server' : 'This could not be shown'}</p>
      <div className={css.text}>{message}</div>
      {retry && (
        <Button variant="default" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

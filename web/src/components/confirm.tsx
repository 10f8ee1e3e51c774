import { Button, Group, Modal } from '@mantine/core';
import type { ReactNode } from 'react';
import css from './confirm.module.css';

interface Props {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What will happen, and what will not. */
  children: ReactNode;
  /** What the button says: the deed, not "OK". */
  action: string;
  danger?: boolean;
  onConfirm: () => void;
  pending: boolean;
  error: Error | null;
}

/** Confirm asks before something that is not easily undone. The way out has the focus first. */
export function Confirm({ opened, onClose, title, children, action, danger, onConfirm, pending, error }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={title} size="md" closeButtonProps={{ 'aria-label': 'Close' }}>
      <div className={css.text}>{children}</div>
      {error && (
        <p className={css.error} role="alert">
          {error.message}
        </p>
      )}
      <Group justify="flex-end" gap="xs" mt="md">
        <Button variant="default" onClick={onClose} data-autofocus>
          Cancel
        </Button>
        <Button {...(danger ? { color: 'danger' } : {})} loading={pending} onClick={onConfirm}>
          {action}
        </Button>
      </Group>
    </Modal>
  );
}

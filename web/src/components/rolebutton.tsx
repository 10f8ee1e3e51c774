import { Button, type ButtonProps, Tooltip } from '@mantine/core';
import type { MouseEventHandler, ReactNode } from 'react';
import type { Role } from '../api/model';
import { useMay, useSession } from '../api/queries';

/** useReason says why the signed-in person may not do what needs the role; "" where nothing stands against it. */
export function useReason(role: Role): string {
  const may = useMay(role);
  const own = useSession().data?.user.role;
  return may ? '' : `This needs the role ${role}${own ? `; yours is ${own}` : ''}. Ask an administrator.`;
}

interface Props extends ButtonProps {
  role: Role;
  /** Another reason why it cannot be pressed now. */
  reason?: string;
  type?: 'button' | 'submit';
  onClick?: MouseEventHandler<HTMLButtonElement>;
  children: ReactNode;
}

/** RoleButton is shown disabled, with the reason, to whoever may not press it. It keeps the focus, so that the reason can be read. */
export function RoleButton({ role, reason, type = 'button', onClick, children, ...rest }: Props) {
  const missing = useReason(role);
  const why = missing || reason || '';
  const button = (
    <Button
      {...rest}
      type={type}
      data-disabled={why !== '' || undefined}
      aria-disabled={why !== '' || undefined}
      onClick={(e) => {
        if (why !== '') e.preventDefault();
        else onClick?.(e);
      }}
    >
      {children}
    </Button>
  );
  return why ? (
    <Tooltip label={why} multiline maw={280}>
      {button}
    </Tooltip>
  ) : (
    button
  );
}

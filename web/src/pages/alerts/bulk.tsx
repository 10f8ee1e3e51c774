import { Button, Menu } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { givenStatuses } from '../../api/model';
import { useUsers } from '../../api/queries';
import { StatusBadge } from '../../components/badges';
import { exact, plural } from '../../text/numbers';
import css from './bulk.module.css';
import type { Change } from './data';

interface Props {
  count: number;
  loaded: number;
  /** All there are, in words; undefined while they are counted. */
  total: string | undefined;
  onAll: () => void;
  onClear: () => void;
  onChange: (change: Change) => void;
  pending: boolean;
  may: boolean;
  me: string;
}

/** BulkBar says how many alerts are selected and what can be done with them. */
export function BulkBar({ count, loaded, total, onAll, onClear, onChange, pending, may, me }: Props) {
  const users = useUsers();
  const others = users.data?.items.map((u) => u.name).filter((n) => n !== me) ?? [];
  return (
    <div className={css.bar} role="toolbar" aria-label="Selected alerts">
      <strong>
        {exact(count)} of {total ?? plural(loaded, 'alert')} selected
      </strong>
      {count < loaded && (
        <Button variant="subtle" onClick={onAll}>
          Select all {exact(loaded)} loaded
        </Button>
      )}
      <Menu position="bottom-start">
        <Menu.Target>
          <Button variant="default" disabled={!may} loading={pending} rightSection={<IconChevronDown size={14} aria-hidden />}>
            Set status
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {givenStatuses.map((s) => (
            <Menu.Item key={s} onClick={() => onChange({ status: s })}>
              <StatusBadge status={s} />
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Menu position="bottom-start">
        <Menu.Target>
          <Button variant="default" disabled={!may} rightSection={<IconChevronDown size={14} aria-hidden />}>
            Assign
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah={320} className={css.people ?? ''}>
          <Menu.Item onClick={() => onChange({ assignee: me })}>Me ({me})</Menu.Item>
          <Menu.Item onClick={() => onChange({ assignee: '' })}>Nobody</Menu.Item>
          {others.length > 0 && <Menu.Divider />}
          {others.map((name) => (
            <Menu.Item key={name} onClick={() => onChange({ assignee: name })}>
              {name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Button variant="subtle" color="gray" onClick={onClear}>
        Clear selection
      </Button>
      {!may && <span className={css.note}>Your role may not change alerts.</span>}
    </div>
  );
}

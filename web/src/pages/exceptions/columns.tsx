import { ActionIcon, Menu } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import { Link } from 'react-router';
import type { Exception } from '../../api/model';
import type { Column } from '../../components/datatable';
import { TimeAgo } from '../../components/timeago';
import { type Names, matchText, scopeText, stateOf } from '../../text/exceptions';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { minuteTime } from '../../text/time';
import css from './exceptions.module.css';
import { StateBadge } from './state';

interface Doings {
  /** Why this person may not change exceptions; "" where nothing stands against it. */
  reason: string;
  onTurn: (e: Exception) => void;
  onDelete: (e: Exception) => void;
}

/** columnsFor are those of the list of exceptions. */
export function columnsFor(names: Names, now: number, doings: Doings): readonly Column<Exception>[] {
  return [
    {
      key: 'name', title: 'Exception', width: 'minmax(0, 1fr)',
      render: (e) => (
        <>
          <Link to={`/exceptions/${e.uid}`} className={css.name}>
            {visible(fold(e.name, 200))}
          </Link>
          <span className={css.second} title={visible(fold(e.reason, 400))}>
            {visible(fold(e.reason, 200))}
          </span>
        </>
      ),
    },
    {
      key: 'scope', title: 'Hides', width: 'minmax(0, 1.4fr)', from: 'medium',
      render: (e) => (
        <>
          <span className={css.first} title={scopeText(e.scope, names)}>
            {scopeText(e.scope, names)}
          </span>
          <span className={css.second} title={matchText(e)}>
            {e.match.length > 0 ? `where ${matchText(e)}` : 'everything that they tell'}
          </span>
        </>
      ),
    },
    { key: 'state', title: 'State', width: '92px', narrow: '84px', render: (e) => <StateBadge state={stateOf(e, now)} /> },
    {
      key: 'hits', title: 'Hidden', width: '92px', align: 'right', from: 'medium',
      render: (e) => (
        <>
          {exact(e.hits)}
          <span className={css.second}>{e.last_hit_time ? <TimeAgo time={e.last_hit_time} plain /> : 'never yet'}</span>
        </>
      ),
    },
    { key: 'expires', title: 'Ends', width: '104px', from: 'wide', render: (e) => (e.expires_time ? <TimeAgo time={e.expires_time} plain /> : <span className={css.muted}>never</span>) },
    {
      key: 'by', title: 'Made by', width: '110px', from: 'wide',
      render: (e) => (
        <span title={minuteTime(e.created_time)}>
          {visible(fold(e.created_by, 64))}
          <span className={css.second}>
            <TimeAgo time={e.created_time} plain />
          </span>
        </span>
      ),
    },
    { key: 'do', title: 'Actions', width: '48px', render: (e) => <Actions exception={e} {...doings} /> },
  ];
}

function Actions({ exception: e, reason, onTurn, onDelete }: Doings & { exception: Exception }) {
  const item = reason === '' ? {} : { disabled: true, title: reason };
  return (
    <Menu position="bottom-end" width={170}>
      <Menu.Target>
        <ActionIcon aria-label={`Actions for ${visible(fold(e.name, 80))}`}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to={`/exceptions/${e.uid}`}>
          {reason === '' ? 'Edit' : 'View'}
        </Menu.Item>
        <Menu.Item {...item} onClick={() => onTurn(e)}>
          {e.enabled ? 'Disable' : 'Enable'}
        </Menu.Item>
        <Menu.Item {...item} onClick={() => onDelete(e)}>
          Delete…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

import { ActionIcon, Tooltip } from '@mantine/core';
import { IconBan, IconCircleCheck } from '@tabler/icons-react';
import { Link } from 'react-router';
import type { Host } from '../../api/model';
import type { Column } from '../../components/datatable';
import { HealthBadge } from '../../components/healthbadge';
import { Labels } from '../../components/labels';
import { TimeAgo } from '../../components/timeago';
import type { HealthReport } from '../../text/health';
import { fold, visible } from '../../text/safe';
import css from './hosts.module.css';

/** Row is a host with its health. */
export interface Row extends HealthReport {
  host: Host;
}

const short = (text: string) => visible(fold(text, 200));

/** columnsFor are those of the list of hosts. Access asks about revoking; reason says why it may not, "" for nothing. */
export const columnsFor = (access: (host: Host) => void, reason: string): readonly Column<Row>[] => [
  {
    key: 'name',
    title: 'Host',
    width: 'minmax(130px, 1.1fr)',
    narrow: 'minmax(0, 1fr)',
    orders: ['name', '-name'],
    render: ({ host }) => (
      <>
        <Link to={`/hosts/${host.uid}`} className={css.name}>
          {short(host.name || host.uid)}
        </Link>
        <span className={css.second}>{short(host.heartbeat?.addresses.join(', ') ?? '')}</span>
      </>
    ),
  },
  {
    key: 'health',
    title: 'Health',
    width: 'minmax(160px, 1.4fr)',
    narrow: 'minmax(0, 1.2fr)',
    orders: ['health', '-health'],
    render: ({ health, why }) => (
      <>
        <HealthBadge health={health} />
        <span className={css.second} title={short(why)}>
          {short(why)}
        </span>
      </>
    ),
  },
  { key: 'seen', title: 'Seen', width: '92px', from: 'medium', orders: ['-seen', 'seen'], render: ({ host }) => <TimeAgo time={host.last_seen_time} plain /> },
  {
    key: 'system',
    title: 'System',
    width: 'minmax(0, 1.2fr)',
    from: 'medium',
    render: ({ host: { heartbeat: h } }) =>
      h && (
        <>
          <span className={css.first} title={short(h.os)}>
            {short(h.os)}
          </span>
          <span className={css.second}>
            {short(h.kernel)} {short(h.arch)}
          </span>
        </>
      ),
  },
  { key: 'agent', title: 'Agent', width: '110px', from: 'wide', render: ({ host }) => <span title={short(host.heartbeat?.agent ?? '')}>{short(host.heartbeat?.agent ?? '')}</span> },
  { key: 'labels', title: 'Labels', width: 'minmax(0, 1.2fr)', from: 'wide', render: ({ host }) => <Labels labels={host.labels} /> },
  {
    key: 'access',
    title: 'Access',
    width: '44px',
    narrow: '30px',
    render: ({ host }) => {
      const label = `${host.state === 'revoked' ? 'Allow' : 'Revoke'} ${short(host.name || host.uid)}`;
      return (
        <Tooltip label={reason || label} multiline maw={280} position="left">
          <ActionIcon aria-label={label} aria-disabled={reason !== '' || undefined} data-disabled={reason !== '' || undefined} onClick={() => reason === '' && access(host)}>
            {host.state === 'revoked' ? <IconCircleCheck size={16} aria-hidden /> : <IconBan size={16} aria-hidden />}
          </ActionIcon>
        </Tooltip>
      );
    },
  },
];

import { Button, Skeleton } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { useDropEnrolToken, useEnrolTokens } from '../../api/hosts';
import type { EnrollToken } from '../../api/model';
import { Confirm } from '../../components/confirm';
import { EnrolDialog } from '../../components/enrol';
import { Labels } from '../../components/labels';
import { Panel } from '../../components/page';
import { type PlainColumn, PlainTable } from '../../components/plaintable';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo, useNow } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { exact } from '../../text/numbers';
import { visible } from '../../text/safe';
import css from './settings.module.css';

function why(t: EnrollToken, now: number): string {
  if (t.revoked) return 'revoked';
  if (Date.parse(t.expires_time) <= now) return 'expired';
  if (t.max_uses > 0 && t.uses >= t.max_uses) return 'used up';
  return '';
}

/** Enrolment lists the tokens with which hosts enrol, and makes and revokes them. */
export function Enrolment() {
  const tokens = useEnrolTokens(true);
  const now = useNow();
  const [making, setMaking] = useState(false);
  const [dropping, setDropping] = useState<EnrollToken | null>(null);
  const columns: PlainColumn<EnrollToken>[] = [
    { key: 'note', title: 'What it is for', render: (t) => (t.note ? visible(t.note) : <span className={css.muted}>not said</span>) },
    { key: 'uses', title: 'Hosts', align: 'right', render: (t) => `${exact(t.uses)}${t.max_uses > 0 ? ` of ${exact(t.max_uses)}` : ''}` },
    { key: 'labels', title: 'Labels', render: (t) => <Labels labels={t.labels} /> },
    { key: 'by', title: 'Made by', render: (t) => visible(t.created_by) },
    { key: 'expires', title: 'Works until', render: (t) => (why(t, now) ? <span className={css.off}>{why(t, now)}</span> : <TimeAgo time={t.expires_time} plain />) },
    {
      key: 'act',
      title: 'Actions',
      quiet: true,
      render: (t) =>
        why(t, now) === '' && (
          <Button variant="default" aria-label={`Revoke the token for ${t.note || 'hosts'}`} onClick={() => setDropping(t)}>
            Revoke
          </Button>
        ),
    },
  ];
  return (
    <Panel
      title="Enrolment tokens"
      hint="each lets machines become hosts for a while"
      flush
      aside={
        <Button leftSection={<IconPlus size={15} aria-hidden />} onClick={() => setMaking(true)}>
          Enrol hosts
        </Button>
      }
    >
      {tokens.isPending && <Skeleton height={120} m={16} width="auto" />}
      {tokens.isError && !tokens.data && <ErrorState error={tokens.error} retry={() => void tokens.refetch()} />}
      {tokens.data?.items.length === 0 && <EmptyState title="No enrolment tokens" text="“Enrol hosts” makes one, with the exact line to type on a machine." />}
      {tokens.data && tokens.data.items.length > 0 && <PlainTable label="Enrolment tokens" columns={columns} rows={tokens.data.items} id={(t) => t.uid} />}
      <EnrolDialog opened={making} onClose={() => setMaking(false)} />
      {dropping && <Revoke token={dropping} onClose={() => setDropping(null)} />}
    </Panel>
  );
}

function Revoke({ token, onClose }: { token: EnrollToken; onClose: () => void }) {
  const drop = useDropEnrolToken();
  const toast = useToast();
  const done = {
    onSuccess: () => {
      toast.say('The enrolment token is revoked.');
      onClose();
    },
  };
  return (
    <Confirm opened onClose={onClose} title="Revoke this enrolment token?" action="Revoke" danger pending={drop.isPending} error={drop.error} onConfirm={() => drop.mutate(token.uid, done)}>
      <p>No further machine can enrol with it. The {token.uses === 1 ? 'host that has' : `${exact(token.uses)} hosts that have`} used it stay.</p>
    </Confirm>
  );
}

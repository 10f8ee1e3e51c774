import { Select, TextInput } from '@mantine/core';
import { IconFileCode } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { type RuleDoc, type RuleState, ruleStates, useRuleDocs } from '../../api/rules';
import { type PlainColumn, PlainTable } from '../../components/plaintable';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './rules.module.css';
import { StateMark, docAddress, stateNames } from './words';

const short = (text: string, limit = 120) => visible(fold(text, limit));

const columns: readonly PlainColumn<RuleDoc>[] = [
  { key: 'name', title: 'Document', render: (d) => <Link to={docAddress(d.uid)}>{short(d.uid, 200)}</Link> },
  { key: 'state', title: 'State', render: (d) => <StateMark state={d.state} /> },
  { key: 'rules', title: 'Rules', render: (d) => <span title={short(d.rules.map((r) => r.title).join('\n'), 1000)}>{d.rules.length === 1 ? short(d.rules[0]?.title ?? '', 60) : plural(d.rules.length, 'rule')}</span> },
  { key: 'matches', title: 'Matches in test', render: (d) => (d.state === 'test' ? <Matches doc={d} /> : <span className={css.muted}>–</span>) },
  { key: 'note', title: 'Why changed', render: (d) => <span className={css.muted}>{short(d.note) || '–'}</span> },
  { key: 'changed', title: 'Changed', render: (d) => <><TimeAgo time={d.changed_time} plain /> by {short(d.author, 64)}</> },
];

function Matches({ doc }: { doc: RuleDoc }) {
  return (
    <>
      {exact(doc.matches)}
      {doc.last_match_time && (
        <span className={css.muted}>
          , last <TimeAgo time={doc.last_match_time} plain />
        </span>
      )}
    </>
  );
}

const most = 500; // documents that are drawn

/** Documents lists the rule documents. */
export function Documents() {
  const docs = useRuleDocs();
  const [text, setText] = useState('');
  const [state, setState] = useState<RuleState | ''>('');
  if (docs.isError && !docs.data) return <ErrorState error={docs.error} retry={() => void docs.refetch()} />;
  const all = docs.data ?? [];
  const wanted = text.trim().toLowerCase();
  const rows = all.filter((d) => (state === '' || d.state === state) && (wanted === '' || [d.uid, ...d.rules.map((r) => r.title)].join('\n').toLowerCase().includes(wanted)));
  return (
    <div className={css.scroll}>
      <p className={css.intro}>
        A document is a file of Sigma rules that is kept here, with its history. Begin as a draft, try it on stored events, let it run in test, and make it live when it matches what it should.{' '}
        <code>holdfast rules push</code> brings a whole folder.
      </p>
      {all.length > 0 && (
        <div className={css.tools}>
          <TextInput type="search" aria-label="Search documents" placeholder="Search name or title" value={text} onChange={(e) => setText(e.currentTarget.value)} w={260} />
          <Select aria-label="State" w={120} value={state} onChange={(v) => setState((v ?? '') as RuleState | '')} data={[{ value: '', label: 'Any state' }, ...ruleStates.map((s) => ({ value: s, label: stateNames[s] }))]} allowDeselect={false} />
          <span className={css.muted} role="status">
            {rows.length === all.length ? plural(all.length, 'document') : `${exact(rows.length)} of ${plural(all.length, 'document')}`}
          </span>
        </div>
      )}
      {rows.length > 0 && (
        <div className={css.surface}>
          <PlainTable label="Rule documents" columns={columns} rows={rows.slice(0, most)} id={(d) => d.uid} />
        </div>
      )}
      {rows.length > most && <p className={css.intro}>Only the first {exact(most)} are listed; search for others.</p>}
      {docs.data && all.length === 0 && <EmptyState icon={<IconFileCode size={30} stroke={1.4} aria-hidden />} title="No rule documents yet" text="Write a rule of your own, or copy one that is there and change it." />}
      {all.length > 0 && rows.length === 0 && <EmptyState title="No document fits" text="Search for less." />}
    </div>
  );
}

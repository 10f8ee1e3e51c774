import { Button, Group, Modal } from '@mantine/core';
import { useState } from 'react';
import { type RuleDoc, useRuleHistory } from '../../api/rules';
import { DiffList } from '../../components/difflist';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './editor.module.css';
import pageCss from './rules.module.css';
import { StateMark } from './words';

const first = 8; // versions that are listed at once

interface Props {
  doc: RuleDoc;
  readOnly: boolean;
  /** Puts the text of a version into the editor. */
  onTake: (text: string) => void;
}

/** History lists the versions of a document; each opens to what it changed. */
export function History({ doc, readOnly, onTake }: Props) {
  const history = useRuleHistory(doc.uid);
  const [all, setAll] = useState(false);
  const [open, setOpen] = useState<number | null>(null);
  const items = history.data?.items ?? [];
  const shown = all ? items : items.slice(0, first);
  const version = open === null ? undefined : items[open];
  return (
    <Panel title="History" hint={items.length > 0 ? exact(items.length) : undefined} flush>
      {history.isPending && <p className={pageCss.note}>Loading…</p>}
      {history.isError && <ErrorState error={history.error} retry={() => void history.refetch()} />}
      <ul className={pageCss.rows}>
        {shown.map((v, i) => (
          <li key={v.version}>
            <button type="button" className={css.version} onClick={() => setOpen(i)}>
              Version {exact(v.version)}
              {v.removed && ', the removal'}
            </button>
            <span className={pageCss.facts}>
              {!v.removed && <StateMark state={v.state} />}
              <span>{visible(fold(v.author, 64))}</span>
              <TimeAgo time={v.changed_time} plain />
            </span>
            {v.note && <span className={css.note}>{visible(fold(v.note, 300))}</span>}
          </li>
        ))}
      </ul>
      {items.length > shown.length && (
        <p className={pageCss.note}>
          <Button variant="subtle" onClick={() => setAll(true)}>
            Show all {exact(items.length)}
          </Button>
        </p>
      )}
      <Modal opened={version !== undefined} onClose={() => setOpen(null)} title={version ? `Version ${exact(version.version)}: what it changed` : ''} size="xl" closeButtonProps={{ 'aria-label': 'Close' }}>
        {version && open !== null && <Version version={version} before={items[open + 1]} doc={doc} readOnly={readOnly} onTake={(text) => (onTake(text), setOpen(null))} />}
      </Modal>
    </Panel>
  );
}

function Version({ version, before, doc, readOnly, onTake }: { version: RuleDoc; before: RuleDoc | undefined } & Props) {
  const text = version.text ?? '';
  return (
    <div className={css.form}>
      <p className={css.meaning}>
        {before ? `Compared with version ${exact(before.version)}.` : 'The first version that is kept.'} {version.note && `“${visible(fold(version.note, 1024))}”`}
      </p>
      <DiffList label="What the version changed" before={before?.text ?? ''} after={text} />
      {!readOnly && !version.removed && version.version !== doc.version && (
        <Group justify="flex-end">
          <Button variant="default" onClick={() => onTake(text)}>
            Put this text into the editor
          </Button>
        </Group>
      )}
    </div>
  );
}

import { Button, Group, Modal } from '@mantine/core';
import { useState } from 'react';
import type { RuleDoc } from '../../api/rules';
import { DiffList } from '../../components/difflist';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './editor.module.css';

/** Conflict says that somebody else saved a version meanwhile, and lets people choose what becomes of the two. */
export function Conflict({ mine, theirs, onTheirs, onMine }: { mine: string; theirs: RuleDoc; onTheirs: () => void; onMine: () => void }) {
  const [comparing, setComparing] = useState(false);
  return (
    <section className={css.bar} aria-label="Another version">
      <div className={css.said} role="status">
        <b>Somebody else was faster</b>
        <span>
          {visible(fold(theirs.author, 64))} saved version {exact(theirs.version)} meanwhile. Compare the two; then take theirs, or save yours over it: what they changed and yours lacks is undone by it.
        </span>
      </div>
      <Group gap="xs">
        <Button variant="default" onClick={() => setComparing(true)}>
          Compare
        </Button>
        <Button variant="default" onClick={onTheirs}>
          Take theirs
        </Button>
        <Button onClick={onMine}>Keep mine</Button>
      </Group>
      <Modal opened={comparing} onClose={() => setComparing(false)} title={`From version ${exact(theirs.version)} to yours`} size="xl" closeButtonProps={{ 'aria-label': 'Close' }}>
        <DiffList label="From theirs to yours" before={theirs.text ?? ''} after={mine} />
      </Modal>
    </section>
  );
}

import { ActionIcon, Button, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useEffect, useState } from 'react';

/** CopyButton copies a text exactly as it came. With words it is a button, else an icon. */
export function CopyButton({ text, label, words }: { text: string | (() => string); label: string; words?: string }) {
  const [state, setState] = useState<'idle' | 'done' | 'refused'>('idle');
  useEffect(() => {
    if (state === 'idle') return;
    const timer = setTimeout(() => setState('idle'), 1600);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = () => {
    navigator.clipboard.writeText(typeof text === 'string' ? text : text()).then(
      () => setState('done'),
      () => setState('refused'),
    );
  };
  const said = { idle: label, done: 'Copied', refused: 'The browser refused to copy' }[state];
  const icon = state === 'done' ? <IconCheck size={15} aria-hidden /> : <IconCopy size={15} aria-hidden />;
  return (
    <>
      <Tooltip label={said}>
        {words ? (
          <Button variant="default" leftSection={icon} onClick={copy}>
            {state === 'done' ? 'Copied' : words}
          </Button>
        ) : (
          <ActionIcon size="sm" aria-label={label} onClick={copy}>
            {icon}
          </ActionIcon>
        )}
      </Tooltip>
      <span className="hf-hidden" aria-live="polite">
        {state === 'idle' ? '' : said}
      </span>
    </>
  );
}

import { Tooltip } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import { ago, exactTime, isZero } from '../text/time';

// One clock for all times on the page.
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  // Nobody has looked at the clock since the last listener went.
  if (listeners.size === 0) now = Date.now();
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const f of listeners) f();
  }, 5000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** useNow is the time to about five seconds; it makes the component follow it. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** TimeAgo shows how long a time is past, or ahead; the exact time is its tooltip. */
export function TimeAgo({ time, plain }: { time: string | undefined; plain?: boolean }) {
  const text = ago(time, useNow());
  if (isZero(time)) return <span>{text}</span>;
  const exact = `${exactTime(time)} (${new Date(time ?? 0).toISOString()})`;
  if (plain) {
    return (
      <time dateTime={time} title={exact}>
        {text}
      </time>
    );
  }
  return (
    <Tooltip label={exact}>
      <time dateTime={time} tabIndex={0}>
        {text}
        <span className="hf-hidden">, {exactTime(time)}</span>
      </time>
    </Tooltip>
  );
}

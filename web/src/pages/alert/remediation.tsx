import { Checkbox } from '@mantine/core';
import { useState } from 'react';
import type { Alert } from '../../api/model';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import css from './alert.module.css';

// Which steps are done is a note to oneself: kept in this browser only.
const place = (uid: string) => `holdfast-steps-${uid}`;

function load(uid: string): number[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(place(uid)) ?? '[]');
    return Array.isArray(kept) ? kept.filter((n): n is number => typeof n === 'number') : [];
  } catch {
    return [];
  }
}

function keep(uid: string, done: number[]): void {
  try {
    if (done.length > 0) localStorage.setItem(place(uid), JSON.stringify(done));
    else localStorage.removeItem(place(uid));
  } catch {
    // Storage is full or switched off: the ticks last until the page is left.
  }
}

/** Remediation is what to do about an alert or an incident, as a list to tick off. */
export function Remediation({ of }: { of: Pick<Alert, 'uid' | 'remediation'> }) {
  const [done, setDone] = useState(() => load(of.uid));
  const toggle = (step: number) => {
    const next = done.includes(step) ? done.filter((n) => n !== step) : [...done, step];
    setDone(next);
    keep(of.uid, next);
  };
  if (of.remediation.length === 0) return null;
  return (
    <Panel title="What to do" hint={done.length > 0 ? `${done.length} of ${of.remediation.length} done` : undefined}>
      <ol className={css.steps}>
        {of.remediation.map((step, i) => (
          <li key={i}>
            <Checkbox
              checked={done.includes(i)}
              onChange={() => toggle(i)}
              label={
                <span className={css.step} data-done={done.includes(i) || undefined}>
                  <HostText text={step} foldAt={2000} />
                </span>
              }
            />
          </li>
        ))}
      </ol>
      <p className={css.small}>Ticks are kept in this browser, for you alone.</p>
    </Panel>
  );
}

import { Select, TextInput } from '@mantine/core';
import { type TimeSpan, bounds, fromLocal, toLocal } from '../text/range';
import { lookBacks, zone } from '../text/time';
import css from './timerange.module.css';

interface Props {
  value: TimeSpan;
  onChange: (value: TimeSpan) => void;
  /** Look-backs that can be chosen; all where it is absent. */
  only?: readonly string[];
  /** There need be no bound. */
  any?: boolean;
}

/** TimeRange chooses a stretch of time: so far back, or from one time to another. */
export function TimeRange({ value, onChange, only, any }: Props) {
  const between = value.until !== '' || (value.since !== '' && !Object.hasOwn(lookBacks, value.since));
  const choose = (v: string | null) => {
    if (v !== 'between') return onChange({ since: v ?? '', until: '' });
    const now = Date.now();
    const from = bounds(value, now).since ?? new Date(now - 24 * 3600_000).toISOString();
    onChange({ since: from, until: value.until || new Date(now).toISOString() });
  };
  return (
    <div className={css.range}>
      <Select
        aria-label="Time"
        w={142}
        value={between ? 'between' : value.since}
        onChange={choose}
        data={[
          ...(any ? [{ value: '', label: 'Any time' }] : []),
          ...Object.entries(lookBacks).filter(([key]) => only?.includes(key) ?? true).map(([key, { label }]) => ({ value: key, label })),
          { value: 'between', label: 'From … to …' },
        ]}
        allowDeselect={false}
        comboboxProps={{ width: 160 }}
      />
      {between && (
        <>
          <TextInput type="datetime-local" step={1} aria-label={`From, ${zone()}`} value={toLocal(value.since)} onChange={(e) => onChange({ ...value, since: fromLocal(e.currentTarget.value) })} />
          <span aria-hidden="true">to</span>
          <TextInput type="datetime-local" step={1} aria-label={`To, ${zone()}`} value={toLocal(value.until)} onChange={(e) => onChange({ ...value, until: fromLocal(e.currentTarget.value) })} />
        </>
      )}
    </div>
  );
}

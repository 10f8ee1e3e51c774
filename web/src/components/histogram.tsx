import { type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from 'react';
import { type Bar, type Bucket, bars as barsOf, tick } from '../text/histogram';
import { exact, first as sentenceCase, plural } from '../text/numbers';
import { exactTime, minuteTime } from '../text/time';
import css from './histogram.module.css';

interface Props {
  /** What is counted: "event". */
  noun: string;
  /** Of more than one, where that is not "events". */
  nouns?: string;
  buckets: readonly Bucket[];
  /** Called with a stretch that was chosen; absent where none can be. */
  onPick?: (since: string, until: string) => void;
  height?: number;
}

const minute = 60_000; // milliseconds

/** stretch says the time of some bars, as exactly as they are narrow. */
function stretch(from: Bar, to: Bar): string {
  const written = from.end - from.start < minute ? exactTime : minuteTime;
  return `${written(new Date(from.start).toISOString())} to ${written(new Date(to.end).toISOString())}`;
}

/**
 * Histogram shows counts over time. Dragging over bars, or a click on one,
 * chooses their stretch of time. With the keyboard the arrows go from bar to
 * bar, with Shift they choose more than one, and Enter takes what is chosen.
 */
export function Histogram({ noun, nouns = `${noun}s`, buckets, onPick, height = 88 }: Props) {
  const bars = useMemo(() => barsOf(buckets), [buckets]);
  const [at, setAt] = useState(0);
  const [anchor, setAnchor] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const most = bars.reduce((n, b) => Math.max(n, b.count), 1);
  const first = bars[0];
  const last = bars.at(-1);
  if (!first || !last) return null;
  const focus = Math.min(at, bars.length - 1);
  const current = over ?? focus;
  const chosen: [number, number] = anchor === null ? [current, current] : [Math.min(anchor, current), Math.max(anchor, current)];
  const take = ([from, to]: [number, number]) => {
    const a = bars[from];
    const b = bars[to];
    setAnchor(null);
    setOver(null);
    if (a && b && onPick) onPick(new Date(a.start).toISOString(), new Date(b.end).toISOString());
  };
  const under = (e: PointerEvent) => {
    const { left, width } = box.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    return Math.max(0, Math.min(bars.length - 1, Math.floor(((e.clientX - left) / width) * bars.length)));
  };
  const keys = (e: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, End: bars.length, Home: -bars.length }[e.key];
    if (e.key === 'Escape' && anchor !== null) setAnchor(null);
    else if ((e.key === 'Enter' || e.key === ' ') && onPick) take(chosen);
    else if (by !== undefined) {
      const next = Math.max(0, Math.min(bars.length - 1, focus + by));
      setAnchor(e.shiftKey && onPick ? (anchor ?? focus) : null);
      setOver(null);
      setAt(next);
      (box.current?.children[next] as HTMLElement | undefined)?.focus();
    } else return;
    e.preventDefault();
  };
  const shown = over !== null || anchor !== null;
  const [from, to] = chosen;
  const sum = bars.slice(from, to + 1).reduce((n, b) => n + b.count, 0);
  const described = shown && bars[from] && bars[to] ? `${stretch(bars[from], bars[to])}: ${plural(sum, noun, nouns)}` : '';
  return (
    <div className={css.box}>
      <div className={css.tip}>
        <span aria-live="polite">{described || (onPick ? 'Drag over bars to look closer.' : '')}</span>
        <span>most: {exact(most)}</span>
      </div>
      <div
        ref={box}
        className={css.bars}
        style={{ height }}
        role="group"
        aria-label={`${sentenceCase(nouns)} over time${onPick ? '. Arrow keys go from bar to bar, with Shift they choose several, Enter looks closer' : ''}`}
        data-picks={onPick ? true : undefined}
        onKeyDown={keys}
        onPointerDown={(e) => {
          if (!onPick || e.button !== 0) return;
          e.currentTarget.setPointerCapture(e.pointerId);
          setAnchor(under(e));
          setOver(under(e));
        }}
        onPointerMove={(e) => setOver(under(e))}
        onPointerUp={() => anchor !== null && over !== null && take(chosen)}
        onPointerCancel={() => setAnchor(null)}
        onPointerLeave={() => anchor === null && setOver(null)}
      >
        {bars.map((b, i) => (
          <button
            key={b.start}
            type="button"
            className={css.bar}
            tabIndex={i === focus ? 0 : -1}
            aria-label={`${stretch(b, b)}: ${plural(b.count, noun, nouns)}`}
            data-chosen={(anchor !== null && i >= from && i <= to) || undefined}
            onFocus={() => setAt(i)}
          >
            <span className={css.fill} style={{ height: b.count === 0 ? 0 : Math.max(2, (b.count / most) * height) }} />
          </button>
        ))}
      </div>
      <div className={css.axis} aria-hidden="true">
        <span>{tick(first)}</span>
        {bars.length > 4 && bars[Math.floor(bars.length / 2)] && <span>{tick(bars[Math.floor(bars.length / 2)] as Bar)}</span>}
        <span>{tick({ ...last, start: last.end, end: 2 * last.end - last.start })}</span>
      </div>
    </div>
  );
}

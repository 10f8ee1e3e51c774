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

/** useChoice is which bars are chosen, by dragging or with the keyboard. */
function useChoice(bars: readonly Bar[], onPick: Props['onPick']) {
  const box = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState(0);
  const [anchor, setAnchor] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const last = bars.length - 1;
  const focus = Math.min(focused, last);
  const current = over ?? focus;
  const from = Math.min(anchor ?? current, current);
  const to = Math.max(anchor ?? current, current);
  const take = () => {
    const a = bars[from];
    const b = bars[to];
    setAnchor(null);
    setOver(null);
    if (a && b) onPick?.(new Date(a.start).toISOString(), new Date(b.end).toISOString());
  };
  const under = (e: PointerEvent) => {
    const { left, width } = box.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    return Math.max(0, Math.min(last, Math.floor(((e.clientX - left) / width) * bars.length)));
  };
  const go = (to: number, extend: boolean) => {
    setAnchor(extend && onPick ? (anchor ?? focus) : null);
    setOver(null);
    setFocused(to);
    (box.current?.children[to] as HTMLElement | undefined)?.focus();
  };
  const handlers = {
    onKeyDown: (e: KeyboardEvent) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, End: bars.length, Home: -bars.length }[e.key];
      if (by !== undefined) go(Math.max(0, Math.min(last, focus + by)), e.shiftKey);
      else if (e.key === 'Escape' && anchor !== null) setAnchor(null);
      else if ((e.key === 'Enter' || e.key === ' ') && onPick) take();
      else return;
      e.preventDefault();
    },
    onPointerDown: (e: PointerEvent) => {
      if (!onPick || e.button !== 0) return;
      e.currentTarget.setPointerCapture(e.pointerId);
      setAnchor(under(e));
      setOver(under(e));
    },
    onPointerMove: (e: PointerEvent) => setOver(under(e)),
    onPointerUp: () => anchor !== null && over !== null && take(),
    onPointerCancel: () => setAnchor(null),
    onPointerLeave: () => anchor === null && setOver(null),
  };
  return { box, focus, from, to, choosing: anchor !== null, pointed: over !== null || anchor !== null, setFocused, handlers };
}

/**
 * Histogram shows counts over time. Dragging over bars, or a click on one,
 * chooses their stretch of time. With the keyboard the arrows go from bar to
 * bar, with Shift they choose more than one, and Enter takes what is chosen.
 */
export function Histogram({ noun, nouns = `${noun}s`, buckets, onPick, height = 88 }: Props) {
  const bars = useMemo(() => barsOf(buckets), [buckets]);
  const { box, focus, from, to, choosing, pointed, setFocused, handlers } = useChoice(bars, onPick);
  const most = bars.reduce((n, b) => Math.max(n, b.count), 1);
  const a = bars[from];
  const b = bars[to];
  if (!a || !b) return null;
  const sum = bars.slice(from, to + 1).reduce((n, bar) => n + bar.count, 0);
  const words = pointed ? `${stretch(a, b)}: ${plural(sum, noun, nouns)}` : onPick ? 'Drag over bars to look closer.' : '';
  return (
    <div className={css.box}>
      <div className={css.tip}>
        <span aria-live="polite">{words}</span>
        <span>most: {exact(most)}</span>
      </div>
      <div
        ref={box}
        className={css.bars}
        style={{ height }}
        role="group"
        aria-label={`${sentenceCase(nouns)} over time${onPick ? '. Arrow keys go from bar to bar, with Shift they choose several, Enter looks closer' : ''}`}
        data-picks={onPick ? true : undefined}
        {...handlers}
      >
        {bars.map((bar, i) => (
          <button
            key={bar.start}
            type="button"
            className={css.bar}
            tabIndex={i === focus ? 0 : -1}
            aria-label={`${stretch(bar, bar)}: ${plural(bar.count, noun, nouns)}`}
            data-chosen={(choosing && i >= from && i <= to) || undefined}
            onFocus={() => setFocused(i)}
          >
            <span className={css.fill} style={{ height: bar.count === 0 ? 0 : Math.max(2, (bar.count / most) * height) }} />
          </button>
        ))}
      </div>
      <Axis bars={bars} />
    </div>
  );
}

function Axis({ bars }: { bars: readonly Bar[] }) {
  const first = bars[0];
  const middle = bars.length > 4 ? bars[Math.floor(bars.length / 2)] : undefined;
  const last = bars.at(-1);
  if (!first || !last) return null;
  return (
    <div className={css.axis} aria-hidden="true">
      <span>{tick(first)}</span>
      {middle && <span>{tick(middle)}</span>}
      <span>{tick({ ...last, start: last.end, end: 2 * last.end - last.start })}</span>
    </div>
  );
}

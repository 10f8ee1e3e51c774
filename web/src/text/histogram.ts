// Counts over time as bars.

/** Bucket is a stretch of time with how often something was in it. */
export interface Bucket {
  start: string;
  count: number;
}

/** Bar is a bucket with its end. Times are in milliseconds. */
export interface Bar {
  start: number;
  end: number;
  count: number;
}

const mostBars = 400;
const onlyOne = 60_000; // milliseconds that a bucket spans that stands alone

/**
 * bars puts buckets in order and fills the gaps between them, so that a bar's
 * place says its time. Buckets are equally wide; the width is the least
 * distance between two.
 */
export function bars(buckets: readonly Bucket[]): Bar[] {
  const known = buckets.map((b) => ({ start: Date.parse(b.start), count: b.count })).filter((b) => !Number.isNaN(b.start)).sort((a, b) => a.start - b.start);
  const first = known[0];
  const last = known.at(-1);
  if (!first || !last) return [];
  let width = Number.POSITIVE_INFINITY;
  for (let i = 1; i < known.length; i++) {
    const gap = (known[i]?.start ?? 0) - (known[i - 1]?.start ?? 0);
    if (gap > 0) width = Math.min(width, gap);
  }
  if (!Number.isFinite(width)) width = onlyOne;
  width = Math.max(width, (last.start - first.start) / (mostBars - 1));
  const out = Array.from({ length: Math.floor((last.start - first.start) / width) + 1 }, (_, i): Bar => ({ start: first.start + i * width, end: first.start + (i + 1) * width, count: 0 }));
  for (const b of known) {
    const bar = out[Math.min(out.length - 1, Math.floor((b.start - first.start) / width))];
    if (bar) bar.count += b.count;
  }
  return out;
}

const minute = 60_000;
const day = 24 * 60 * minute;

/** tick writes the beginning of a bar for the axis: the day, with the time of day where bars are narrower, and its seconds where they are narrow. */
export function tick(bar: Bar): string {
  const width = bar.end - bar.start;
  const time: Intl.DateTimeFormatOptions = width >= day / 2 ? {} : { hour: '2-digit', minute: '2-digit', hour12: false, ...(width < minute ? { second: '2-digit' } : {}) };
  return new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric', ...time }).format(bar.start);
}

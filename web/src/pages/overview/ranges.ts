import type { AlertQuery } from '../../api/model';
import { lookBacks } from '../../text/time';

export type RangeKey = '24h' | '7d' | '30d';

/** Range is how far the overview looks back, and in how wide stretches. */
interface Range {
  label: string;
  words: string;
  bucket: string;
  width: number;
}

const hour = 3600_000;

export const ranges: Record<RangeKey, Range> = {
  '24h': { label: '24 h', words: 'last 24 hours', bucket: '1h', width: hour },
  '7d': { label: '7 d', words: 'last 7 days', bucket: '6h', width: 6 * hour },
  '30d': { label: '30 d', words: 'last 30 days', bucket: '24h', width: 24 * hour },
};

/** rangeQuery asks for the open alerts of a range. It begins with a whole stretch, so that it stays the same for a while. */
export function rangeQuery(range: RangeKey, now: number): AlertQuery {
  const { width } = ranges[range];
  const start = Math.ceil((now - (lookBacks[range]?.ms ?? 0)) / width) * width;
  return { status: ['open'], since: new Date(start).toISOString() };
}

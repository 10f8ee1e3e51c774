// Where in a value lies what a rule looked for. The server says the condition
// in words, such as `ends with "/bash"` or `contains "a" or contains "b"`
// (detect/explain.go); the quoted texts are found again in the value.
import type { Range } from './safe';

/** Wanted is one quoted text of a condition and where it must stand. */
interface Wanted {
  where: 'is' | 'starts with' | 'ends with' | 'contains' | 'matches';
  text: string;
}

// A verb followed by a text quoted as Go does.
const item = /(is|starts with|ends with|contains|matches) ("(?:[^"\\]|\\.)*")/g;

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b', f: '\f', v: '\v', '\\': '\\', '"': '"' };

/** unquote reads a text quoted as Go's %q writes it. */
export function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)/gs, (whole, e: string) => {
    if (e.length === 1) return escapes[e] ?? whole;
    const code = Number.parseInt(e.slice(1), 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function wanted(condition: string): Wanted[] {
  const out: Wanted[] = [];
  for (const [, where, quoted] of condition.matchAll(item)) {
    // Long texts are cut there and end in an ellipsis.
    const text = unquote(quoted ?? '').replace(/…$/, '');
    if (where === 'matches') {
      out.push(...text.split(/[*?]+/).filter((part) => part !== '').map((part): Wanted => ({ where: 'contains', text: part })));
    } else if (text !== '') {
      out.push({ where: where as Wanted['where'], text });
    }
  }
  return out;
}

function find(value: string, lower: string, w: Wanted): Range[] {
  const text = w.text.toLowerCase();
  switch (w.where) {
    case 'is':
      return lower === text ? [[0, value.length]] : [];
    case 'starts with':
      return lower.startsWith(text) ? [[0, text.length]] : [];
    case 'ends with':
      return lower.endsWith(text) ? [[value.length - text.length, value.length]] : [];
    default: {
      const ranges: Range[] = [];
      for (let at = lower.indexOf(text); at >= 0 && ranges.length < 100; at = lower.indexOf(text, at + text.length)) {
        ranges.push([at, at + text.length]);
      }
      return ranges;
    }
  }
}

/** merged sorts ranges and joins those that touch. */
export function merged(ranges: readonly Range[]): Range[] {
  const out: [number, number][] = [];
  for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else if (end > start) out.push([start, end]);
  }
  return out;
}

/**
 * matchRanges returns the parts of the value that satisfy the condition. Where
 * the condition quotes nothing that is found (a regular expression, a network,
 * a number), it is the whole value; for a "not", nothing.
 */
export function matchRanges(value: string, condition: string): Range[] {
  if (condition.startsWith('not: ') || value === '') return [];
  const lower = value.toLowerCase();
  // Lower case may change lengths (İ); then positions would not fit.
  const found = lower.length === value.length ? wanted(condition).flatMap((w) => find(value, lower, w)) : [];
  return found.length > 0 ? merged(found) : [[0, value.length]];
}

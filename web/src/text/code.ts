// Places in a text that people write: lines and columns, and what is wrong there.
import { pieces } from './safe';

/** Problem is what is wrong at a place. Lines and columns count from 1, columns in characters; 0 where it is not known. */
export interface Problem {
  line: number;
  column?: number;
  /** How many characters are meant; where it is absent, the word that begins there. */
  length?: number;
  text: string;
  /** What to write instead. */
  hint?: string | undefined;
}

/** placeWords says where a problem is: "Line 3, column 7"; "" where that is not known. */
export const placeWords = ({ line, column }: Problem): string => (line > 0 ? `Line ${line}${column ? `, column ${column}` : ''}` : '');

/** columnAt is where a column begins in a line, in UTF-16 units. */
export function columnAt(line: string, column: number): number {
  let at = 0;
  for (const char of line) {
    if (column-- <= 1) break;
    at += char.length;
  }
  return at;
}

/** offsetOf is where a problem begins in the whole text, in UTF-16 units. */
export function offsetOf(text: string, { line, column }: Pick<Problem, 'line' | 'column'>): number {
  const lines = text.split('\n');
  const index = Math.min(Math.max(line, 1), lines.length) - 1;
  const before = lines.slice(0, index).reduce((n, l) => n + l.length + 1, 0);
  const own = lines[index] ?? '';
  return before + (column ? columnAt(own, column) : own.length - own.trimStart().length);
}

/** Span is a part of a line. */
export interface Span {
  text: string;
  /** It is marked as wrong. */
  bad: boolean;
  /** A character that would not be seen as it is. */
  unseen: boolean;
}

/** Fault is a column of a line where something is wrong, 0 for the whole line, and how many characters are meant, 0 for a word. */
export type Fault = readonly [column: number, length: number];

/** spans splits a line where something is wrong. */
export function spans(line: string, faults: readonly Fault[]): Span[] {
  const bad = new Uint8Array(line.length + 1);
  for (const fault of faults) {
    const [from, to] = meant(line, fault);
    bad.fill(1, from, to);
  }
  const out: Span[] = [];
  let at = 0;
  for (const char of line) {
    // A tab is what it looks like here.
    const unseen = char !== '\t' && pieces(char)[0]?.escaped !== undefined;
    const last = out.at(-1);
    if (last && last.bad === (bad[at] === 1) && last.unseen === unseen) last.text += char;
    else out.push({ text: char, bad: bad[at] === 1, unseen });
    at += char.length;
  }
  // Something is missing where the line ends.
  if (faults.some(([column]) => column > 0 && columnAt(line, column) >= line.length)) out.push({ text: ' ', bad: true, unseen: false });
  return out;
}

function meant(line: string, [column, length]: Fault): [from: number, to: number] {
  if (column <= 0) return [line.length - line.trimStart().length, line.trimEnd().length];
  const from = columnAt(line, column);
  if (length > 0) return [from, from + columnAt(line.slice(from), length + 1)];
  const word = /^[\p{L}\p{N}_.-]+|^"(?:[^"\\]|\\.)*"?/u.exec(line.slice(from))?.[0].length ?? 1;
  return [from, from + Math.max(1, word)];
}

/** indentation is what a new line after this part of one begins with; what follows a colon is deeper. */
export function indentation(before: string): string {
  const own = /^ */.exec(before)?.[0] ?? '';
  // Below an entry of a list that has a name the next one has its place.
  const dash = /^ *- +(?=\S+\s*:)/.exec(before)?.[0].length ?? 0;
  return /:\s*$/.test(before) ? ' '.repeat((dash || own.length) + 2) : ' '.repeat(dash || own.length);
}

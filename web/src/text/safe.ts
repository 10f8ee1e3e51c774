// Text that comes from a monitored host is an attacker's to choose. React
// keeps it from being markup; this keeps it from deceiving the eye: a
// right-to-left override that turns "gpj.exe" around, a zero-width space that
// makes two paths look alike, a terminal escape, a newline that fakes a line.
// internal/termtext does the same for terminals.

/** Piece is a part of a text: as it is, or an escape that stands for a character nobody would see. */
export interface Piece {
  text: string;
  /** The character's number when text is an escape, as U+202E. */
  escaped?: string;
  /** Within a range that is to be highlighted. */
  marked: boolean;
}

/** Range is a stretch of a text in UTF-16 units, end excluded. */
export type Range = readonly [start: number, end: number];

// Control, format, unassigned, private and surrogate characters, separators
// other than the space, what Unicode calls default ignorable, and the blank
// Braille pattern.
const unseen = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/u;
const mark = /\p{M}/u;

/** No language piles more marks on a character; more overprint the lines around. */
const maxMarks = 3;

const named: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escape(char: string): string {
  const known = named[char];
  if (known) return known;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** pieces splits a text for showing, with the given ranges, ascending and apart, marked. */
export function pieces(text: string, marks: readonly Range[] = []): Piece[] {
  const out: Piece[] = [];
  let at = 0;
  let combining = 0;
  let range = 0;
  for (const char of text) {
    while (range < marks.length && at >= (marks[range]?.[1] ?? 0)) range++;
    const current = marks[range];
    const marked = current !== undefined && at >= current[0];
    combining = mark.test(char) ? combining + 1 : 0;
    const hidden = unseen.test(char) || combining > maxMarks;
    const last = out.at(-1);
    if (hidden) {
      const number = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      out.push({ text: escape(char), escaped: `U+${number}`, marked });
    } else if (last && !last.escaped && last.marked === marked) {
      last.text += char;
    } else {
      out.push({ text: char, marked });
    }
    at += char.length;
  }
  return out;
}

/** visible returns the text with everything deceptive escaped, for titles and labels. */
export function visible(text: string): string {
  return unseen.test(text) || mark.test(text) ? pieces(text).map((p) => p.text).join('') : text;
}

/** fold shortens a text to at most limit units, without cutting a character in half. */
export function fold(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const code = text.charCodeAt(limit - 1);
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? limit - 1 : limit);
}

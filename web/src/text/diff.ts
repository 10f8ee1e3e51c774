// What changed between two texts, line by line.

/** DiffLine is a line of a comparison: in both texts, in the new one alone, or in the old one alone. */
export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  text: string;
  /** Its numbers in the old and the new text, from 1; 0 where it is not there. */
  old: number;
  new: number;
}

// Beyond so many pairs of lines all between the common beginning and end
// counts as replaced: nobody reads a finer comparison of texts so different.
const mostPairs = 4_000_000;

/** diff compares two texts by their longest common sequence of lines. */
export function diff(before: string, after: string): DiffLine[] {
  const a = before.split('\n');
  const b = after.split('\n');
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const out: DiffLine[] = [];
  const same = (i: number, j: number) => out.push({ kind: 'same', text: a[i] ?? '', old: i + 1, new: j + 1 });
  const removed = (i: number) => out.push({ kind: 'removed', text: a[i] ?? '', old: i + 1, new: 0 });
  const added = (j: number) => out.push({ kind: 'added', text: b[j] ?? '', old: 0, new: j + 1 });
  for (let i = 0; i < head; i++) same(i, i);
  let i = head;
  let j = head;
  for (const [x, y] of common(a.slice(head, a.length - tail), b.slice(head, b.length - tail))) {
    while (i < head + x) removed(i++);
    while (j < head + y) added(j++);
    same(i++, j++);
  }
  while (i < a.length - tail) removed(i++);
  while (j < b.length - tail) added(j++);
  for (let k = 0; k < tail; k++) same(i + k, j + k);
  return out;
}

/** common returns the pairs of indices of a longest common subsequence. */
function common(a: readonly string[], b: readonly string[]): [number, number][] {
  if (a.length * b.length > mostPairs) return [];
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => longest[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

/** Hunk is a stretch of a comparison, with how many lines that did not change lie before it. */
export interface Hunk {
  skipped: number;
  lines: DiffLine[];
}

/** hunks leaves out what is further than so many lines from any change. */
export function hunks(lines: readonly DiffLine[], around = 3): Hunk[] {
  const near = new Uint8Array(lines.length);
  lines.forEach((l, i) => {
    if (l.kind !== 'same') near.fill(1, Math.max(0, i - around), i + around + 1);
  });
  const out: Hunk[] = [];
  let skipped = 0;
  lines.forEach((l, i) => {
    if (!near[i]) {
      skipped++;
      return;
    }
    if (i === 0 || !near[i - 1]) {
      out.push({ skipped, lines: [] });
      skipped = 0;
    }
    out.at(-1)?.lines.push(l);
  });
  return out;
}

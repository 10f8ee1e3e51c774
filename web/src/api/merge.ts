// How what is new comes into a list that is being looked at.

/** Part is what one request brings of a list. */
export interface Part<T> {
  items: T[];
  next?: string | undefined;
}

/** Row is what every list has: rows that can be told apart. */
export interface Row {
  uid: string;
}

/** Told is what the stream of changes tells of a row. */
export type Told = Row & { status?: string; severity?: string };

/**
 * merge puts the head of a list, as it is now, into the parts that were loaded.
 * Known rows take their new values. With enter, the head is drawn as it is, new
 * rows included; without, rows keep their places and new ones are only told.
 */
export function merge<T extends Row>(parts: Part<T>[], head: T[], enter: boolean): { pages: Part<T>[]; added: string[] } {
  const known = new Set(parts.flatMap((p) => p.items.map((a) => a.uid)));
  const added = head.filter((a) => !known.has(a.uid)).map((a) => a.uid);
  const now = new Map(head.map((a) => [a.uid, a]));
  if (!enter) {
    return { pages: parts.map((p) => ({ ...p, items: p.items.map((a) => now.get(a.uid) ?? a) })), added };
  }
  const rest = parts.map((p) => ({ ...p, items: p.items.filter((a) => !now.has(a.uid)) }));
  const first = rest[0];
  return { pages: first ? [{ ...first, items: [...head, ...first.items] }, ...rest.slice(1)] : rest, added };
}

/** patched puts a change into the row that it is about; rows stay where they are. */
export function patched<T extends Row>(parts: Part<T>[], change: Told): Part<T>[] {
  if (!parts.some((p) => p.items.some((a) => a.uid === change.uid))) return parts;
  const { status, severity } = change;
  return parts.map((p) => ({
    ...p,
    items: p.items.map((a) => (a.uid === change.uid ? { ...a, ...(status ? { status } : {}), ...(severity ? { severity } : {}) } : a)),
  }));
}

// Labels of hosts as people type them: "env=production, group=web".

const most = 32;
const bytes = (text: string) => new TextEncoder().encode(text).length;

/** Labels holds what was typed, and in words what is wrong with it; "" for nothing. */
export interface TypedLabels {
  labels: Record<string, string>;
  wrong: string;
}

/** parseLabels reads labels separated by commas or lines. The bounds are those of the interface. */
export function parseLabels(text: string): TypedLabels {
  const labels: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const part of text.split(/[,\n]/).map((p) => p.trim())) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const key = (at < 0 ? part : part.slice(0, at)).trim();
    const value = at < 0 ? '' : part.slice(at + 1).trim();
    if (key === '') return { labels, wrong: `“${part}” has no name before the =.` };
    if (bytes(key) > 63) return { labels, wrong: 'A name may have at most 63 bytes.' };
    if (bytes(value) > 255) return { labels, wrong: `The value of “${key}” may have at most 255 bytes.` };
    if (key in labels) return { labels, wrong: `“${key}” is there twice.` };
    labels[key] = value;
  }
  if (Object.keys(labels).length > most) return { labels, wrong: `A host has at most ${most} labels.` };
  return { labels: { ...labels }, wrong: '' };
}

/** writeLabels writes labels so that parseLabels reads them, one a line. */
export const writeLabels = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([k, v]) => (v === '' ? k : `${k}=${v}`))
    .join('\n');

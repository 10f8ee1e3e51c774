const separated = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** exact writes a number with separators: 1,234,567. */
export const exact = (n: number): string => separated.format(n);

/** compact writes a number in at most five signs: 999, 1,043, 12.3K, 34M. */
export const compact = (n: number): string => (n < 10_000 ? separated.format(n) : short.format(n));

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** bytes writes a size with a binary unit: 1.5 MiB. */
export function bytes(n: number): string {
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

/** plural writes a number with its noun: 1 alert, 2 alerts. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${exact(n)} ${n === 1 ? one : many}`;

/** atLeast writes a count beyond which there may be more: "at least 37 alerts". */
export const atLeast = (text: string, more: boolean | undefined): string => (more ? `at least ${text}` : text);

/** first writes a sentence's first letter large. */
export const first = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** grouped puts separators into the large numbers of a sentence; shorter ones may be ports, years or process ids. */
export const grouped = (text: string): string => text.replace(/\b[1-9]\d{8,14}\b/g, (n) => exact(Number(n)));

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** exact writes a number with separators: 1,234,567. */
export const exact = (n: number): string => grouped.format(n);

/** compact writes a number in at most four digits: 999, 1.2K, 34M. */
export const compact = (n: number): string => (n < 1000 ? grouped.format(n) : short.format(n));

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

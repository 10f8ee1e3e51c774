/** save gives a file to the browser to keep. */
export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken hold of it by the next minute.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** stamp is the time as it may stand in the name of a file. */
export const stamp = (): string => new Date().toISOString().slice(0, 16).replaceAll(':', '');

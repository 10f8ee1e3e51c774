import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** luminance of a colour as WCAG 2.2 defines it. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

function scheme(name: string): Record<string, string> {
  const block = css.slice(css.indexOf(`[data-mantine-color-scheme='${name}']`));
  return Object.fromEntries([...block.slice(0, block.indexOf('}')).matchAll(/--hf-([\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]]));
}

const pairs: [text: string, on: string[]][] = [
  ['text', ['page', 'surface', 'sunken', 'hover', 'selected']],
  ['muted', ['page', 'surface', 'sunken', 'hover', 'selected']],
  ['accent', ['page', 'surface', 'hover', 'selected']],
  ['odd', ['surface', 'sunken']],
  ['mark-text', ['mark']],
  ...['high', 'medium', 'low', 'informational', 'good'].map((s): [string, string[]] => [s, [`${s}-bg`, 'surface', 'page']]),
];

for (const name of ['light', 'dark']) {
  describe(`${name} scheme`, () => {
    const colours = scheme(name);
    for (const [text, backgrounds] of pairs) {
      for (const background of backgrounds) {
        it(`${text} can be read on ${background}`, () => {
          expect(contrast(colours[text] ?? '', colours[background] ?? '')).toBeGreaterThanOrEqual(4.5);
        });
      }
    }
    for (const shape of ['high-solid', 'medium-solid', 'low-solid', 'informational-solid', 'good-solid', 'focus']) {
      it(`${shape} can be told from the surface`, () => expect(contrast(colours[shape] ?? '', colours['surface'] ?? '')).toBeGreaterThanOrEqual(3));
    }
  });
}

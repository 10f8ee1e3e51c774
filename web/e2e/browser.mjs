// What browser tests share: a browser of their own, a page that keeps account of
// everything that goes wrong on it, accessibility, pictures.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

// Waits are for conditions; so long they may take on the slowest machine.
export const patience = 45_000;

const flags = [
  '--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** launch starts Chromium with the empty profile directory. The server's certificate is of its own authority, which the browser does not know. */
export async function launch(profile) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: flags,
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(patience);
  return context;
}

/** Witness sees what goes wrong on pages: errors, refusals of the content security policy, inaccessible parts. */
export class Witness {
  #expected = [];
  faults = [];

  /** watch follows a page from its beginning. */
  watch(page) {
    page.on('pageerror', (e) => this.faults.push(`${page.url()}: ${e.message}`));
    page.on('console', (m) => {
      const text = m.text();
      if (!['error', 'warning'].includes(m.type()) || this.#expected.some((e) => e.test(text))) return;
      this.faults.push(`${page.url()}: console: ${text} (${m.location().url})`);
    });
    return page;
  }

  /** expecting runs something during which the browser may complain so: of a refused logon, of a server that is away. */
  async expecting(complaint, what) {
    this.#expected.push(complaint);
    try {
      await what();
    } finally {
      this.#expected = this.#expected.filter((e) => e !== complaint);
    }
  }

  /**
   * check looks at the page in light and dark for what keeps people out, and
   * takes pictures where asked to. Of long lists the beginning stands for all:
   * the items are alike, and there may be hundreds.
   */
  async check(page, name) {
    // What the mouse or the focus happens to point out belongs to no page.
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement?.blur());
    await page.getByRole('tooltip').waitFor({ state: 'hidden' });
    const began = Date.now();
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor();
      const axe = new AxeBuilder({ page }).setLegacyMode().exclude('ol > li:nth-child(n+25)').options({ resultTypes: ['violations'], preload: false });
      // Only colours differ in the dark.
      const { violations } = await (colorScheme === 'dark' ? axe.withRules(['color-contrast', 'link-in-text-block']) : axe.withTags(tags)).analyze();
      for (const v of violations) this.faults.push(`${name}, ${colorScheme}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.html.slice(0, 160)}`).join(' | ')}`);
      await picture(page, `${name}-${colorScheme}`);
    }
    await page.emulateMedia({ colorScheme: 'light' });
    console.log(`${name}: checked in ${Date.now() - began} ms`);
  }
}

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];

/** picture keeps a picture of the page in $HOLDFAST_SCREENSHOTS, where that is set. */
async function picture(page, name) {
  const folder = process.env.HOLDFAST_SCREENSHOTS;
  if (folder) writeFileSync(join(folder, `${name}.png`), await page.screenshot());
}

/** until waits until the condition, which may ask the page, holds. */
export async function until(what, holds) {
  const deadline = Date.now() + patience;
  for (;;) {
    if (await holds()) return;
    if (Date.now() > deadline) throw new Error(`it never came to be: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

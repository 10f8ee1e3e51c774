// The part of the walk that is about hunts: a mistake, an answer, one of its
// events, a closer look, a saved search, a file.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** hunt walks through the page of hunts. */
export async function hunt({ page, witness, heading, go }) {
  const query = page.getByRole('textbox', { name: 'Query' });
  const rows = page.getByRole('table', { name: 'Rows' });
  await go('Hunt');
  await heading('Hunt').waitFor();
  await page.getByRole('button', { name: /^Write process\.command_line into/ }).waitFor();
  await page.getByRole('searchbox', { name: 'Find in the reference' }).fill('command');

  await query.fill('process\n| wehre process.pid > 1');
  await page.getByRole('button', { name: 'Line 2, column 3' }).waitFor();
  await query.fill('process\n| where process.pid > 1\n| take 50');
  await page.getByRole('list', { name: 'Problems' }).waitFor({ state: 'hidden' });
  await query.press('Control+Enter');
  await page.waitForURL(/\/hunt\?q=process/);
  await rows.getByRole('row').nth(1).waitFor();
  await witness.check(page, 'hunt');

  await page.getByRole('button', { name: 'Open row 1', exact: true }).click();
  await page.getByRole('dialog').getByText('acting process').waitFor();
  await page.getByRole('link', { name: 'All events of this process' }).waitFor();
  await page.getByRole('button', { name: 'Only rows with this host.name', exact: true }).click();
  assert.match(await query.inputValue(), /\| where host\.name == "/, 'the filter is not in the query');

  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export' }).click().then(() => page.getByRole('menuitem', { name: /^NDJSON/ }).click()),
  ]);
  const lines = readFileSync(await file.path(), 'utf8').trim().split('\n');
  assert(lines.length > 0 && lines.every((l) => typeof JSON.parse(l) === 'object'), 'the export is not NDJSON');

  // Counting is read from the same place, and the address says all of it.
  await query.fill('events | summarize count() by class');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await rows.getByText('process').first().waitFor();
  await page.getByRole('button', { name: 'Searches' }).click();
  await page.getByRole('menuitem', { name: 'Save this search…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('By class');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('The search is saved.').waitFor();
  const address = page.url();
  await page.goto(address);
  await rows.getByText('process').first().waitFor();
  assert.equal(await query.inputValue(), 'events | summarize count() by class');

  // The whole time of the answer, bar by bar with the keyboard.
  const bars = page.getByRole('group', { name: /^Events over time/ });
  await bars.getByRole('button').first().focus();
  await page.keyboard.press('Shift+End');
  await page.keyboard.press('Enter');
  await page.waitForURL(/until=/);
  await rows.getByText('process').first().waitFor();
}

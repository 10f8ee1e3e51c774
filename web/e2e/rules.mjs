// The part of the walk that is about rules: find one, write one, try it on what
// is stored, let it run in test, change it under somebody else's feet, remove it.
import assert from 'node:assert/strict';

const title = 'A walker says hello';
const rule = `title: ${title}
id: 5d1c4c3e-8f0a-4f57-9f55-6a1df3b2c7aa
status: experimental
description: A rule of the walk through the console.
tags: [attack.execution, attack.t1059.004]
logsource: {product: linux, category: process_creation}
detection:
  selection:
    Image|contains: /
  condition: selection
level: low
`;
const name = 'walk/hello.yml';

/** rules walks through the pages of rules. */
export async function rules({ page, context, url, witness, heading, go }) {
  const text = page.getByRole('textbox', { name: 'Text of the document' });
  const dialog = page.getByRole('dialog');
  await go('Rules');
  await heading('Rules').waitFor();
  await page.locator('[data-row]').first().waitFor();
  await witness.check(page, 'rules');
  await page.getByRole('searchbox', { name: /^Search title/ }).fill('reverse shell');
  await page.waitForURL(/text=reverse/);
  await page.getByRole('link', { name: /reverse shell/i }).first().click();
  await page.getByRole('heading', { name: 'What it means' }).waitFor();
  await page.getByRole('textbox', { name: 'The rule as written' }).waitFor();

  await go('Rules');
  await page.getByRole('tab', { name: 'ATT&CK coverage' }).click();
  await page.getByRole('status').filter({ hasText: /^Live rules detect \d/ }).waitFor();
  await page.getByRole('switch', { name: 'Sub-techniques' }).click();
  await page.waitForURL(/subs=1/);
  await page.getByRole('searchbox', { name: 'Find a technique' }).fill('T1059');
  await page.getByRole('link', { name: /^T1053/ }).first().waitFor({ state: 'detached' });
  await witness.check(page, 'coverage');
  await page.getByRole('link', { name: /^T1059\.004 .*: \d+ live rules?/ }).first().click();
  await page.getByRole('button', { name: 'Technique T1059.004' }).waitFor();
  await page.locator('[data-row]').first().waitFor();

  await page.getByRole('button', { name: 'Write a rule' }).click();
  await text.fill(rule.replace('level: low', 'level: enormous'));
  await page.getByRole('list', { name: 'Problems' }).getByText(/level/).first().waitFor();
  await text.fill(rule);
  await page.getByText('No problems: 1 rule can be used.').waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('group', { name: /^Matches over time/ }).waitFor();
  await witness.check(page, 'rule document');
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('button', { name: 'Save…' }).click();
  await dialog.getByRole('button', { name: 'Save the draft' }).click();
  await page.getByText(/^Version \d+ is kept as a draft\.$/).waitFor();
  await heading(name).waitFor();

  // Somebody else puts it in test meanwhile.
  await text.fill(rule.replace('level: low', 'level: medium'));
  const { csrf } = await (await context.request.get(`${url}/api/v1/session`)).json();
  const theirs = await context.request.put(`${url}/api/v1/rule-docs/document?name=${encodeURIComponent(name)}`, { headers: { 'X-CSRF-Token': csrf }, data: { text: rule, state: 'test', note: 'theirs' } });
  assert.equal(theirs.status(), 200, 'somebody else saves a version');
  await page.getByRole('button', { name: 'Compare' }).click();
  await dialog.getByText('level: medium').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Keep mine' }).click();
  await page.locator('label').filter({ hasText: 'In test' }).click();
  await page.getByRole('button', { name: 'Save…' }).click();
  await dialog.getByRole('textbox', { name: 'Why' }).fill('worse than it was thought');
  await dialog.getByRole('button', { name: 'Save and test' }).click();
  await page.getByText(/^Version \d+ is in test/).waitFor();
  await page.getByRole('button', { name: /^Version \d/ }).nth(1).click();
  await dialog.getByRole('button', { name: 'Put this text into the editor' }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();

  // A new document does not take the place of one that is there.
  await go('Rules');
  await page.getByRole('button', { name: 'Write a rule' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('button', { name: 'Save…' }).click();
  await witness.expecting(/status of 412/, async () => {
    await dialog.getByRole('button', { name: 'Save the draft' }).click();
    await dialog.getByRole('alert').filter({ hasText: 'There is a document of this name already' }).waitFor();
  });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('link', { name: 'Documents' }).click();
  await dialog.getByRole('button', { name: 'Discard the changes' }).click();
  await page.getByRole('link', { name }).click();

  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await dialog.getByRole('button', { name: 'Remove the document' }).click();
  await page.getByText('No rule documents yet').waitFor();
}

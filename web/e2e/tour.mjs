// Walks through the console as a new user does, against a real server with a
// real agent. test/browser starts both and this; by hand:
//
//   HOLDFAST_URL=https://127.0.0.1:8443 HOLDFAST_USER=admin HOLDFAST_PASSWORD=… node e2e/tour.mjs
//
// It changes the user's password to $HOLDFAST_NEW_PASSWORD. HOLDFAST_SCREENSHOTS
// names a directory for pictures.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { Witness, launch, until } from './browser.mjs';
import { hunt } from './hunt.mjs';
import { rules } from './rules.mjs';

const { HOLDFAST_URL: url, HOLDFAST_USER: user, HOLDFAST_PASSWORD: first, HOLDFAST_NEW_PASSWORD: password = 'a horse and a staple' } = process.env;
assert(url && user && first, 'HOLDFAST_URL, HOLDFAST_USER and HOLDFAST_PASSWORD say where to log on');

const played = 5 * 60_000; // milliseconds in which the host plays all scenarios
const began = Date.now();
const witness = new Witness();
const profile = mkdtempSync(join(tmpdir(), 'holdfast-browser-'));
const context = await launch(profile);
const page = witness.watch(context.pages()[0] ?? (await context.newPage()));

// On a busy host more arrives between two heartbeats than the last one told of;
// that is said, and is no loss. "Does not balance" is.
const balanced = /(ledger|It) balances|settles? it/;
const refused = /status of 401/;
const away = /ERR_INTERNET_DISCONNECTED/;
const heading = (name, of = page) => of.getByRole('heading', { level: 1, name });
const go = (name) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name }).click();
const tell = (text) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}`);

async function signIn(name, secret) {
  await page.getByLabel('User name').fill(name);
  await page.getByRole('textbox', { name: 'Password' }).fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function logOn() {
  await witness.expecting(refused, async () => {
    await page.goto(url);
    await heading('Sign in').waitFor();
    await witness.check(page, 'login');
    await signIn(user, 'not the password');
    await page.getByRole('alert').filter({ hasText: /wrong/i }).waitFor();
    await signIn(user, first);
    await heading('Overview').waitFor();
  });
}

async function changePassword() {
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('menuitem', { name: 'Account' }).click();
  await page.getByLabel('Present password').fill(first);
  await page.getByRole('textbox', { name: 'New password', exact: true }).fill(password);
  await page.getByRole('textbox', { name: 'New password again' }).fill(password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('The password is changed.').waitFor();
  await witness.check(page, 'account');
}

async function overview() {
  await go('Overview');
  await page.getByRole('link', { name: /of 1 host healthy/ }).waitFor();
  await page.locator('#ledger').getByText(balanced).waitFor();
}

// The list of alerts stays open in a window of its own, and is not loaded anew.
async function simulate() {
  const list = witness.watch(await context.newPage());
  await list.goto(`${url}/alerts?status=open`);
  await heading('Alerts', list).waitFor();
  await list.evaluate(() => Object.assign(window, { sameDocument: true }));
  await page.bringToFront();
  await go('Simulation');
  await page.getByRole('checkbox', { name: /\(reverse-shell\)/ }).check();
  await page.getByRole('checkbox', { name: /\(web-shell\)/ }).check();
  await page.getByRole('checkbox', { name: /\(hidden-file\)/ }).check();
  const started = Date.now();
  await page.getByRole('button', { name: /^Run \d+ scenarios/ }).click();
  await list.getByRole('link', { name: /reverse shell/i }).first().waitFor();
  const seen = Date.now();
  assert(await list.evaluate(() => window.sameDocument), 'the list of alerts was loaded anew');
  const { items } = await (await context.request.get(`${url}/api/v1/alerts?type=VM_ReverseShell`)).json();
  tell(`alert visible ${seen - started} ms after "Run", ${seen - Date.parse(items[0].time)} ms after the deed`);
  await list.close();
  await page.getByText(/\d+ passed, 0 failed/).waitFor({ timeout: played });
  await until('every scenario has its alert', async () => (await page.getByRole('link', { name: 'Open the alert' }).count()) === (await page.getByText('passed', { exact: true }).count()));
  await witness.check(page, 'simulation');
  await page.getByRole('listitem').filter({ hasText: 'reverse-shell' }).getByRole('link', { name: 'Open the alert' }).first().click();
}

async function alert() {
  await heading(/reverse shell/i).waitFor();
  await page.locator('mark').first().waitFor();
  await page.getByText('acting process').first().waitFor();
  const tree = page.getByRole('button', { name: /^Details of process/ });
  assert(await tree.count() > 1, 'the lineage has no ancestors');
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  await page.getByText('Copied').first().waitFor();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  assert(page.url().endsWith(copied.uid), 'another alert was copied');
  await witness.check(page, 'alert');
  await page.getByRole('button', { name: 'Resolve…' }).click();
  await page.getByPlaceholder('A comment, if you like').fill('A simulation: it was me.');
  await page.getByRole('button', { name: 'Set to resolved' }).click();
  await page.getByText('A simulation: it was me.').last().waitFor();
  await page.getByRole('button', { name: 'Open again' }).waitFor();
}

// The incident of the web shell, whose two alerts one process brought about
// through another, and the alerts that it is made of. What else is part of it
// depends on what else this machine does.
async function incident() {
  const { items } = await (await context.request.get(`${url}/api/v1/alerts?type=VM_Webshell`)).json();
  await page.goto(`${url}/alerts/${items[0].uid}`);
  await page.locator('main a[href^="/incidents/"]').first().click();
  await page.getByRole('heading', { name: 'Story', exact: true }).waitFor();
  const title = await page.getByRole('heading', { level: 1 }).innerText();
  // More signals may come in while it is looked at, and change the title with them.
  const lines = page.locator('[id^="line-"]');
  await lines.first().waitFor();
  if ((await lines.count()) > 1) {
    await page.locator('[data-stop="line-0"]').focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('[data-stop]:focus:not([data-stop="line-0"])').waitFor();
  }
  await witness.check(page, 'incident');
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await page.getByText('Set to acknowledged.').waitFor();
  await page.getByRole('combobox', { name: 'Verdict' }).click();
  await page.getByRole('option', { name: 'Attack' }).click();
  await page.getByText('Judged: attack.').waitFor();
  await page.getByRole('textbox', { name: 'Comment' }).fill('All of it was simulated.');
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await page.getByText('All of it was simulated.').last().waitFor();
  tell(`the incident: ${title}`);
  await go('Incidents');
  await heading('Incidents').waitFor();
  await page.locator('[data-row] a').first().waitFor();
  await page.locator('[data-row] a').first().click();
  await page.locator('[id^="line-"] a[href^="/alerts/"]').first().click();
}

// An exception for an alert: suggested, looked at before it is in force, and ended.
async function exception() {
  await page.getByRole('button', { name: 'Make an exception' }).click();
  await page.getByText(/^Would have hidden/).waitFor();
  await page.getByRole('button', { name: 'Put in force' }).and(page.locator('[aria-disabled]')).waitFor();
  await page.getByRole('textbox', { name: 'Why these alerts are wanted' }).fill('The walk through the console plays them.');
  const name = await page.getByRole('textbox', { name: 'Name' }).inputValue();
  await witness.check(page, 'exception');
  await page.getByRole('button', { name: 'Put in force' }).click();
  await page.getByText(/^The exception is in force/).waitFor();
  await go('Exceptions');
  await heading('Exceptions').waitFor();
  await page.getByRole('link', { name, exact: true }).waitFor();
  const actions = page.getByRole('button', { name: /^Actions for/ });
  await actions.click();
  await page.getByRole('menuitem', { name: 'Disable' }).click();
  await page.locator('[data-row]').getByText('Disabled').waitFor();
  await actions.click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Nothing is hidden').waitFor();
}

async function alerts() {
  await go(/^Alerts/);
  await heading('Alerts').waitFor();
  await page.getByRole('searchbox', { name: /^Search/ }).fill('shell');
  await page.waitForURL(/text=shell/);
  await page.getByRole('link', { name: /web shell/i }).first().waitFor();
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Save this view…' }).click();
  await page.getByLabel('Name').fill('Shells');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('The view is saved.').waitFor();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.waitForURL((u) => !u.search.includes('text='));
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Shells' }).click();
  await page.waitForURL(/text=shell/);
}

// From page to page, down the list and into an alert without the mouse.
async function keyboard() {
  await page.locator('main').focus();
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await heading('Overview').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await heading('Alerts').waitFor();
  await page.locator('[data-row]').nth(1).waitFor();
  await witness.check(page, 'alerts');
  await page.keyboard.press('j');
  await page.locator('[data-cursor] a:focus').first().waitFor();
  await page.keyboard.press('j');
  await page.locator('[data-row]:nth-child(2)[data-cursor] a:focus').waitFor();
  const title = await page.locator('[data-cursor] a').first().innerText();
  await page.keyboard.press('Enter');
  await heading(title).waitFor();
}

async function host() {
  await page.keyboard.press('g');
  await page.keyboard.press('h');
  await heading('Hosts').waitFor();
  await page.locator('[data-row]').first().waitFor();
  await witness.check(page, 'hosts');
  await page.locator('[data-row] a').first().click();
  await page.getByRole('heading', { name: 'Features' }).waitFor();
  await page.getByText(balanced).first().waitFor();
  await page.locator('[data-row]').first().waitFor();
  await witness.check(page, 'host');
  await page.locator('[data-row] a').first().click();
  await page.getByRole('dialog').getByText('acting process').waitFor();
  await page.getByRole('link', { name: 'All events of this process' }).click();
  await page.waitForURL(/tab=events&process=/);
  await page.locator('[data-row]').first().waitFor();
  await page.getByRole('tab', { name: 'Alerts' }).click();
  await page.getByRole('table', { name: 'Alerts of this host' }).locator('[data-row]').first().waitFor();
  await page.getByRole('button', { name: 'Edit labels' }).click();
  await page.getByRole('textbox', { name: /name=value/ }).fill('env=test');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByTitle('env=test').waitFor();
}

async function settings() {
  const add = page.getByRole('button', { name: 'Add a user' });
  await page.goto(`${url}/settings/users`);
  await add.click();
  await page.getByLabel('User name').fill('eve');
  await page.getByRole('textbox', { name: 'First password' }).fill(password);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('rowheader', { name: 'eve' }).waitFor();
  await witness.check(page, 'users');
  await page.getByRole('link', { name: 'API tokens' }).click();
  await page.getByRole('button', { name: 'Make a token' }).click();
  await page.getByLabel('What it is for').fill('a test');
  await page.getByRole('button', { name: 'Make', exact: true }).click();
  await page.getByText(/^hft_/).waitFor();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('rowheader', { name: 'a test' }).waitFor();
  await page.getByRole('link', { name: 'Audit log' }).click();
  await page.getByRole('link', { name: 'token.create', exact: true }).waitFor();
  await witness.check(page, 'audit-log');
}

// A draft that the server refuses, that somebody else overtakes, and that comes into force.
async function policies() {
  const dialog = page.getByRole('dialog');
  const review = () => page.getByRole('button', { name: 'Review' }).click();
  const enforce = () => dialog.getByRole('button', { name: 'Put in force' }).click();
  const refusedWith = (text) => dialog.getByRole('alert').filter({ hasText: text }).waitFor();
  const cancel = async () => {
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'hidden' });
  };
  await page.getByRole('link', { name: 'Policies', exact: true }).click();
  await page.getByText('Nothing is assigned').waitFor();
  await page.getByRole('button', { name: 'Add an assignment' }).first().click();
  await dialog.getByRole('combobox', { name: 'With all of these labels' }).fill('env=test');
  await page.keyboard.press('Enter');
  await dialog.getByText('Fits 1 host, and counts for all of them.').waitFor();
  await dialog.getByRole('textbox', { name: 'Heartbeat every' }).fill('1');
  await witness.check(page, 'policy');
  await dialog.getByRole('button', { name: 'Add to the draft' }).click();
  await page.getByText('1 host would get another policy.').waitFor();

  await review();
  await witness.expecting(/status of 422/, async () => {
    await enforce();
    await refusedWith('not between 5 and 3600');
  });
  await cancel();
  await page.getByRole('button', { name: /^Actions for 1,/ }).click();
  await page.getByRole('menuitem', { name: 'Edit…' }).click();
  await dialog.getByText('1 is not between 5 and 3600').waitFor();
  await dialog.getByRole('textbox', { name: 'Heartbeat every' }).fill('5');
  await dialog.getByRole('button', { name: 'Change the draft' }).click();

  await review();
  await dialog.getByText('1 host gets another policy').waitFor();
  const { csrf } = await (await context.request.get(`${url}/api/v1/session`)).json();
  const theirs = await context.request.put(`${url}/api/v1/policies`, { headers: { 'X-CSRF-Token': csrf }, data: { assignments: [{ policy: { raw_records: true } }] } });
  assert.equal(theirs.status(), 200, 'somebody else sets policies');
  await witness.expecting(/status of 412/, async () => {
    await enforce();
    await refusedWith('Somebody else put other policies in force');
  });
  await cancel();
  await page.getByRole('button', { name: 'Show theirs' }).click();
  assert.match(await dialog.getByRole('textbox', { name: 'Policies as YAML' }).inputValue(), /raw_records: true/);
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.getByRole('button', { name: 'Build mine on version 1' }).click();
  await review();
  await enforce();
  await page.getByText('Version 2 is in force.').waitFor();
  await page.locator('summary').filter({ hasText: '1 host' }).click();
  await page.getByRole('table', { name: 'Policies' }).getByRole('link').waitFor();
  await witness.check(page, 'policies');

  await page.getByRole('table', { name: 'Policies' }).getByRole('link').click();
  await page.getByRole('link', { name: 'Assignment 1' }).waitFor();
  await page.getByText(/In force on the host: serial \d/).waitFor();
  await page.getByRole('link', { name: 'Assignment 1' }).click();
  await page.getByRole('button', { name: 'Edit as text' }).click();
  await dialog.getByRole('textbox', { name: 'Policies as YAML' }).fill('assignment: []');
  await dialog.getByRole('button', { name: 'Change the draft' }).click();
  await refusedWith('no list “assignments”');
  await dialog.getByRole('textbox', { name: 'Policies as YAML' }).fill('assignments: []');
  await dialog.getByRole('button', { name: 'Change the draft' }).click();
  await review();
  await enforce();
  await page.getByText('Nothing is assigned').waitFor();
  await page.getByText('Version 3 is in force.').waitFor();
}

async function dark() {
  const dark = page.getByRole('button', { name: /Colours:.*Switch to dark/ });
  await page.getByRole('button', { name: /Colours:.*Switch to light/ }).click();
  await dark.click();
  await page.locator('html[data-mantine-color-scheme=dark]').waitFor();
  await page.reload();
  await page.locator('html[data-mantine-color-scheme=dark]').waitFor();
  await page.getByRole('button', { name: /Colours:.*Switch to as the system/ }).click();
}

async function unreachable() {
  await go('Overview');
  await heading('Overview').waitFor();
  await witness.check(page, 'overview');
  await witness.expecting(away, async () => {
    await context.setOffline(true);
    await go('Settings');
    await page.getByRole('link', { name: 'Enrolment' }).click();
    await page.getByText('No connection to the server').waitFor();
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('No enrolment tokens').or(page.getByRole('table', { name: 'Enrolment tokens' })).waitFor();
    await page.getByRole('status').filter({ hasText: /^Live/ }).waitFor();
  });
}

async function logOff() {
  await witness.expecting(refused, async () => {
    await page.getByRole('button', { name: /^Account of/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await heading('Sign in').waitFor();
    await page.goto(`${url}/hosts`);
    await heading('Sign in').waitFor();
    // Who may only look sees what others may do, and why not.
    await signIn('eve', password);
  });
  await heading('Hosts').waitFor();
  const enrol = page.getByRole('button', { name: 'Enrol hosts' }).first();
  assert.equal(await enrol.getAttribute('aria-disabled'), 'true');
  await enrol.hover();
  await page.getByText(/This needs the role approver; yours is reader/).waitFor();
  await page.goto(`${url}/settings/policies`);
  await page.getByRole('button', { name: 'View as text' }).waitFor();
  const add = page.getByRole('button', { name: 'Add an assignment' }).first();
  assert.equal(await add.getAttribute('aria-disabled'), 'true');
}

// What parts of the walk in files of their own are given.
const walk = { page, context, url, witness, heading, go };
let failed;
for (const step of [logOn, changePassword, overview, simulate, alert, incident, exception, alerts, keyboard, host, rules, hunt, settings, policies, dark, unreachable, logOff]) {
  try {
    await step(walk);
    tell(step.name);
  } catch (error) {
    failed = `${step.name} at ${page.url()}: ${error.stack}`;
    if (process.env.HOLDFAST_FAILURE) await page.screenshot({ path: process.env.HOLDFAST_FAILURE }).catch(() => {});
    break;
  }
}
await context.close();
rmSync(profile, { recursive: true, force: true });
for (const fault of witness.faults) console.error(`FAULT ${fault}`);
if (failed) console.error(`FAILED ${failed}`);
process.exit(failed || witness.faults.length > 0 ? 1 : 0);

// Opens every page of the built console (npm run build first) in Chromium,
// light and dark, wide and narrow: checks accessibility with axe, reports
// errors of the page and of the content security policy, measures the first
// paint, and keeps pictures in /tmp/holdfast-shots (or $SHOTS).
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const out = process.env.SHOTS ?? '/tmp/holdfast-shots';
const only = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(out, { recursive: true });
// UPDATE_SCREENSHOTS=1 takes the pictures of the documentation anew. They show
// made-up data: those of a real machine would show what else runs on it.
const docs = process.env.UPDATE_SCREENSHOTS === '1' ? '../docs/screenshots' : '';
const documented = ['overview-light', 'overview-dark', 'alert-light', 'alert-dark', 'alerts-light', 'host-light', 'simulation-dark', 'policies-light', 'incident-light', 'exception-suggested-light'];
if (docs) mkdirSync(docs, { recursive: true });

const server = await preview({ preview: { port: 0, host: '127.0.0.1' }, logLevel: 'error' });
const address = server.httpServer.address();
const origin = `http://127.0.0.1:${address.port}`;
const profile = mkdtempSync(join(tmpdir(), 'holdfast-chromium-'));
const flags = ['--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const browser = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags, bypassCSP: false });

const login = () => browser.request.post(`${origin}/api/v1/session`, { data: { name: 'alice', password: 'a' } });
await login();
const alerts = await (await browser.request.get(`${origin}/api/v1/alerts?severity=medium&limit=3&text=shell`)).json();
const all = await (await browser.request.get(`${origin}/api/v1/alerts?limit=1000`)).json();
const hostile = all.items.find((a) => a.description.includes('\u202e'))?.uid;
const hosts = await (await browser.request.get(`${origin}/api/v1/hosts`)).json();
const incidents = await (await browser.request.get(`${origin}/api/v1/incidents?order=-last_time`)).json();
const rules = await (await browser.request.get(`${origin}/api/v1/rules`)).json();
const uid = alerts.items[0]?.uid ?? all.items[0]?.uid;

const pages = [
  ['overview', '/', (p) => p.locator('canvas').waitFor()],
  ['alerts', '/alerts?status=open,acknowledged'],
  ['alerts-chosen', '/alerts?status=open&severity=high', async (p) => {
    await p.keyboard.press('j');
    await p.keyboard.press('x');
    await p.keyboard.press('j');
    await p.keyboard.press('x');
  }],
  ['alerts-bounded', '/alerts?text=e', (p) => p.getByText(/^At least/).waitFor()],
  ['alerts-none', '/alerts?text=nothing-like-this'],
  ['alerts-help', '/alerts', (p) => p.keyboard.press('?')],
  ['alert', `/alerts/${uid}`],
  ['alert-hostile', `/alerts/${hostile}`],
  ['alert-missing', '/alerts/none'],
  ['incidents', '/incidents?status=open,acknowledged'],
  ['incidents-none', '/incidents?text=nothing-like-this'],
  ['incident', `/incidents/${incidents.items[0]?.uid}`],
  ['incident-link', `/incidents/${incidents.items[0]?.uid}`, async (p) => {
    await p.locator('[data-stop=line-0]').focus();
    for (let i = 0; i < 3; i++) await p.keyboard.press('ArrowRight');
    await p.locator('summary').filter({ hasText: 'in words' }).click();
  }],
  ['incident-long', `/incidents/${incidents.items.find((i) => i.lines > 20)?.uid}?steps=key#line-12`],
  ['incident-missing', '/incidents/none'],
  ['exceptions', '/exceptions'],
  ['exceptions-none', '/exceptions?text=nothing-like-this'],
  ['exception', '/exceptions/ex2', (p) => p.getByText(/Would have hidden|Nothing to hide/).waitFor()],
  ['exception-new', '/exceptions/new'],
  ['exception-suggested', `/exceptions/new?alert=${uid}`, (p) => p.getByText(/Would have hidden/).waitFor()],
  ['exception-whole', '/exceptions/ex3', async (p) => {
    await p.getByText(/Would have hidden/).waitFor();
    await p.getByRole('button', { name: 'Save' }).click();
    await p.getByRole('dialog').waitFor();
  }],
  ['hosts', '/hosts'],
  ['hosts-none', '/hosts?text=nothing-like-this'],
  ['hosts-enrol', '/hosts', (p) => p.getByRole('button', { name: 'Enrol hosts' }).click()],
  ['host', `/hosts/${hosts.items[0]?.uid}`],
  ['host-process', `/hosts/${hosts.items[0]?.uid}`, (p) => p.locator('[data-row] a').first().click()],
  ['host-events', `/hosts/${hosts.items[0]?.uid}?tab=events`, (p) => p.locator('#content > div').last().evaluate((e) => e.parentElement.scrollTo(0, 1e6))],
  ['host-event', `/hosts/${hosts.items[0]?.uid}?tab=events`, (p) => p.locator('[data-row] a').first().click()],
  ['host-alerts', `/hosts/${hosts.items[0]?.uid}?tab=alerts`],
  ['host-revoke', `/hosts/${hosts.items[0]?.uid}`, (p) => p.getByRole('button', { name: 'Revoke' }).click()],
  ['host-missing', '/hosts/none'],
  ['simulation', `/simulation?host=${hosts.items[0]?.uid}`, async (p) => {
    await p.getByRole('checkbox', { name: 'Persistence' }).check();
    await p.getByRole('button', { name: /^Run/ }).click();
    await p.getByRole('link', { name: 'Open the alert' }).first().waitFor();
  }],
  ['rules', '/rules'],
  ['rules-none', '/rules?technique=T1027'],
  ['rules-documents', '/rules?tab=documents'],
  ['rules-coverage', '/rules?tab=coverage'],
  ['rules-coverage-table', '/rules?tab=coverage&as=table&subs=1'],
  ['rule', `/rules/${rules.items[0]?.uid}`],
  ['rule-missing', '/rules/none'],
  ['rule-new', '/rules/document/edit', async (p) => {
    const text = p.getByRole('textbox', { name: 'Text of the document' });
    await text.fill((await text.inputValue()).replace('level: medium', 'level: huge\u202e'));
    await p.getByRole('list', { name: 'Problems' }).waitFor();
  }],
  ['rule-document', '/rules/document/edit?name=web/shells.yml', async (p) => {
    await p.getByRole('button', { name: 'Run' }).click();
    await p.getByRole('group', { name: /^Matches over time/ }).waitFor();
  }],
  ['rule-version', '/rules/document/edit?name=web/shells.yml', async (p) => {
    await p.getByRole('button', { name: 'Version 2', exact: true }).click();
    await p.getByRole('list', { name: 'What the version changed' }).waitFor();
  }],
  ['rule-save', '/rules/document/edit?name=ours.yml', async (p) => {
    const text = p.getByRole('textbox', { name: 'Text of the document' });
    await text.fill((await text.inputValue()).replace('level: ', 'level:  '));
    await p.getByRole('button', { name: 'Save…' }).click();
    await p.getByRole('dialog').waitFor();
  }],
  ['hunt', '/hunt'],
  ['hunt-events', `/hunt?q=${encodeURIComponent('process\n| where process.command_line contains "curl"')}`, (p) => p.getByRole('table', { name: 'Rows' }).waitFor()],
  ['hunt-row', '/hunt?q=process', async (p) => {
    await p.getByRole('button', { name: 'Open row 2', exact: true }).click();
    await p.getByRole('dialog').getByText('acting process').waitFor();
  }],
  ['hunt-counts', `/hunt?since=7d&q=${encodeURIComponent('process | summarize count(), make_set(host) by slow')}`, (p) => p.getByRole('table', { name: 'Rows' }).waitFor()],
  ['hunt-wrong', '/hunt', async (p) => {
    await p.getByRole('textbox', { name: 'Query' }).fill('process\n| wehre user.name == "eve"');
    await p.getByRole('list', { name: 'Problems' }).waitFor();
  }],
  ['hunt-nothing', '/hunt?q=nothing'],
  ['settings', '/settings'],
  ['users', '/settings/users'],
  ['users-add', '/settings/users', (p) => p.getByRole('button', { name: 'Add a user' }).click()],
  ['tokens', '/settings/tokens'],
  ['enrolment', '/settings/enrolment'],
  ['sign-on', '/settings/sign-on'],
  ['policies', '/settings/policies', (p) => p.locator('summary').nth(1).click()],
  ['policies-edit', '/settings/policies', async (p) => {
    await p.getByRole('button', { name: /^Actions for 2,/ }).click();
    await p.getByRole('menuitem', { name: 'Edit…' }).click();
    await p.getByRole('dialog').waitFor();
  }],
  ['policies-draft', '/settings/policies', (p) => p.getByRole('button', { name: /^Move down: 2,/ }).click()],
  ['policies-review', '/settings/policies', async (p) => {
    await p.getByRole('button', { name: /^Move down: 1,/ }).click();
    await p.getByRole('button', { name: 'Review' }).click();
    await p.getByRole('dialog').waitFor();
  }],
  ['policies-refused', '/settings/policies', async (p) => {
    await p.getByRole('button', { name: 'Edit as text' }).click();
    const text = p.getByRole('textbox', { name: 'Policies as YAML' });
    await text.fill('assignments:\n  - policy: {}\n  - labels: {group: web}\n    policy: {heartbeat_seconds: 1}\n');
    await p.getByRole('button', { name: 'Change the draft' }).click();
    await p.getByRole('button', { name: 'Review' }).click();
    await p.getByRole('button', { name: 'Put in force' }).click();
    await p.getByRole('dialog').getByRole('alert').waitFor();
    await p.getByRole('button', { name: 'Cancel' }).click();
    await p.getByRole('dialog').waitFor({ state: 'hidden' });
  }],
  ['policies-text', '/settings/policies', async (p) => {
    await p.getByRole('button', { name: 'Edit as text' }).click();
    await p.getByRole('textbox', { name: 'Policies as YAML' }).waitFor();
  }],
  ['keeping', '/settings/keeping'],
  ['audit-log', '/settings/audit-log'],
  ['backup', '/settings/backup'],
  ['about', '/settings/about'],
  ['notfound', '/nowhere'],
  ['login', '/login', undefined, true],
];

let bad = 0;
const complain = (...words) => {
  bad++;
  console.log('FAIL', ...words);
};

async function visit(page, name, path, act, scheme) {
  await page.goto(origin + path, { waitUntil: 'load' });
  await page.waitForTimeout(700);
  if (act) await act(page);
  await page.waitForTimeout(400);
  const picture = await page.screenshot({ path: join(out, `${name}-${scheme}-${page.viewportSize().width}.png`), fullPage: false });
  if (docs && page.viewportSize().width === 1440 && documented.includes(`${name}-${scheme}`)) writeFileSync(join(docs, `${name}-${scheme}.png`), picture);
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
  for (const v of found.violations) complain(name, scheme, page.viewportSize().width, `axe ${v.id} (${v.impact}):`, v.nodes.slice(0, 3).map((n) => `${n.target} ${n.html.slice(0, 140)}`).join(' | '));
}

for (const scheme of ['light', 'dark']) {
  for (const [width, height] of [[1440, 900], [1280, 800], [390, 844]]) {
    const page = await browser.newPage();
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    page.on('pageerror', (e) => complain('error on', page.url(), e.message));
    page.on('console', (m) => m.type() === 'error' && !/status of (40[14]|422)/.test(m.text()) && complain('console on', page.url(), m.text()));
    for (const [name, path, act, out] of pages) {
      if (only.length > 0 && !only.includes(name)) continue;
      if (out) await page.evaluate(() => fetch('/api/v1/session', { method: 'DELETE', headers: { 'X-CSRF-Token': 'csrf-token' } }));
      await visit(page, name, path, act, scheme);
      if (name === 'overview') {
        const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
        console.log(`first contentful paint ${Math.round(paint ?? -1)} ms (${scheme}, ${width})`);
      }
      if (out) await login();
    }
    await page.close();
  }
}
await browser.close();
rmSync(profile, { recursive: true, force: true });
await server.close();
console.log(bad === 0 ? 'no complaint' : `${bad} complaints`);
process.exit(bad === 0 ? 0 : 1);

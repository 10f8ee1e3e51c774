// Measures the first contentful paint of the console's pages in Chromium:
//
//   PASSWORD=… node bench/paint.mjs WEB URL
//
// WEB is the folder of the console's source, which has the browser driver; URL
// is a running server. Prints JSON: for each page the milliseconds of several
// visits with an empty cache, with a warm one, and until the page's heading and
// data are there.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [web, url] = process.argv.slice(2);
const { chromium } = createRequire(resolve(web, 'package.json'))('playwright-core');
const visits = 7;
const pages = [['log-on', '/login', false], ['overview', '/', true], ['alerts', '/alerts', true], ['hosts', '/hosts', true]];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// The session's cookie, for contexts whose cache is empty. Logging on once is
// enough, and spares the server's limit.
const first = await browser.newContext({ ignoreHTTPSErrors: true });
const answer = await first.request.post(`${url}/api/v1/session`, { data: { name: 'admin', password: process.env.PASSWORD } });
if (!answer.ok()) throw new Error(`log-on: ${answer.status()} ${await answer.text()}`);
const state = await first.storageState();
await first.close();

async function visit(page, path) {
  await page.goto(url + path, { waitUntil: 'commit' });
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
  await page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('[aria-busy="true"]'));
  const content = await page.evaluate(() => performance.now());
  return [paint, content];
}

const results = [];
for (const [name, path, session] of pages) {
  const result = { page: name, cold_ms: [], warm_ms: [], content_ms: [] };
  for (let i = 0; i < visits; i++) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, storageState: session ? state : undefined });
    const page = await context.newPage();
    const [cold, content] = await visit(page, path);
    const [warm] = await visit(page, path);
    result.cold_ms.push(cold);
    result.content_ms.push(content);
    result.warm_ms.push(warm);
    await context.close();
  }
  results.push(result);
}
await browser.close();
console.log(JSON.stringify(results));

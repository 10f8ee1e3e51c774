import { readFileSync } from 'node:fs';
import openapiTS, { COMMENT_HEADER, astToString } from 'openapi-typescript';
import { expect, it } from 'vitest';

it('is what docs/openapi.json says (npm run api)', async () => {
  const fresh = COMMENT_HEADER + astToString(await openapiTS(new URL('../../../docs/openapi.json', import.meta.url), { silent: true }));
  expect(readFileSync(new URL('./schema.ts', import.meta.url), 'utf8') === fresh, 'schema.ts is not fresh: npm run api').toBe(true);
}, 60_000);

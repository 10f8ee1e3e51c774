import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { conditionAdvice } from './conditions';

const general = conditionAdvice('no such condition');

// What the server may say of itself, from where it says it.
function codes(): string[] {
  const files = ['../server', '../server/stream'].flatMap((dir) => readdirSync(dir).filter((f) => f.endsWith('.go') && !f.endsWith('_test.go')).map((f) => `${dir}/${f}`));
  const said = files.flatMap((f) => [...readFileSync(f, 'utf8').matchAll(/(?:\badd\(|health\.set\(|refusals\.note\(|Warning\{Code: )"([a-z_]+)"/g)].map((m) => m[1] ?? ''));
  return [...new Set(said)];
}

it('finds what the server says of itself', () => expect(codes()).toContain('ingest_stalled'));
it.each(codes())('knows what to do about %s', (code) => expect(conditionAdvice(code)).not.toBe(general));
it('takes no advice from a prototype', () => expect(conditionAdvice('constructor')).toBe(general));

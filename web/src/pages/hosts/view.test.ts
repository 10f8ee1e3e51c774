import { expect, it } from 'vitest';
import { parseView, writeView } from './view';

it('reads back what it wrote', () => {
  const view = parseView(new URLSearchParams('text=web&health=silent,degraded&label=env%3Dprod&label=a%2Cb%3Dc&order=-seen'));
  expect(view).toEqual({ text: 'web', health: ['silent', 'degraded'], label: ['env=prod', 'a,b=c'], order: '-seen' });
  expect(parseView(writeView(view))).toEqual(view);
});

it('leaves out what is malformed', () => {
  expect(parseView(new URLSearchParams(`health=ill,,silent,silent&order=up&label=${'x'.repeat(400)}`))).toEqual({ text: '', health: ['silent'], label: [], order: 'health' });
});

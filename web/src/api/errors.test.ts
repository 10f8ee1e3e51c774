import { expect, it } from 'vitest';
import { offlineError, problemError } from './errors';

it.each([
  ['the detail', 404, { title: 'Not Found', detail: 'alert "a1": not found' }, 'alert "a1": not found'],
  ['the detail with its faults', 422, { detail: 'validation failed', errors: [{ message: 'too short', location: 'body.name' }] }, 'validation failed: too short'],
  ['where a deep fault lies', 422, { detail: 'validation failed', errors: [{ message: 'unexpected property', location: 'body.assignments[1].policy.hosts' }] }, 'validation failed: assignments[1].policy.hosts: unexpected property'],
  ['a sentence of our own', 503, null, 'The server is starting or stopping. Try again in a moment.'],
  ['the title', 418, { title: 'Teapot' }, 'Teapot'],
  ['the status', 599, '<html>', 'The server answered with status 599.'],
  ['no text of another type', 599, { detail: { a: 1 }, errors: 'x' }, 'The server answered with status 599.'],
])('takes %s', (_, status, body, want) => {
  const error = problemError(status, body);
  expect(error.message).toBe(want);
  expect(error.status).toBe(status);
});

it('bounds what a proxy may say', () => expect(problemError(500, { detail: 'x'.repeat(1e6) }).message).toHaveLength(1000));

it('knows when no answer came', () => expect(offlineError().offline).toBe(true));

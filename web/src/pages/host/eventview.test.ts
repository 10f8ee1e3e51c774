import { expect, it } from 'vitest';
import { parseEvents, writeEvents } from './eventview';

it('reads back what it wrote', () => {
  const query = 'tab=events&class=file_activity%2Cauthentication&text=x+y&process=0123456789abcdef-12-345&since=24h&live=1';
  expect(writeEvents(parseEvents(new URLSearchParams(query))).toString()).toBe(query);
});

it('leaves out what is malformed', () => {
  expect(parseEvents(new URLSearchParams('class=odd&process=../..&since=constructor&live=yes'))).toEqual({ class: [], text: '', process: '', since: '', live: false });
});

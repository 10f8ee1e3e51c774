import { expect, it } from 'vitest';
import type { Event } from '../../api/model';
import { named } from './data';

const event = (time: string, serial = 0): Event => ({ time, serial, class_name: 'process_activity', class_uid: 1007, activity_name: 'launch', status: 'success' });

it('names events so that newer ones do not rename them', () => {
  const old = [event('b', 2), event('a', 1), event('a', 1)];
  const before = named(old);
  const after = named([event('c', 3), event('b', 2), ...old.slice(0)]);
  expect(new Set(after.map((n) => n.id)).size).toBe(5);
  expect(after.slice(2).map((n) => n.id)).toEqual(before.map((n) => n.id));
});

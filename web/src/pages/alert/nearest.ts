import type { Event } from '../../api/model';

/** isNoise reports whether an event is a fork or the ordinary end of a process, of which a busy host has thousands. */
export function isNoise(e: Event): boolean {
  if (e.class_name !== 'process_activity') return false;
  return e.activity_name === 'fork' || (e.activity_name === 'terminate' && !e.exit?.signal);
}

/** nearest keeps so many events as can be looked at, those nearest to the time, in order of time. */
export function nearest(events: Event[], time: string, most: number): Event[] {
  if (events.length <= most) return events;
  const at = Date.parse(time);
  const distance = (e: Event) => Math.abs(Date.parse(e.time) - at);
  return [...events]
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, most)
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

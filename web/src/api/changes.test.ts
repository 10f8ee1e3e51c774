import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Changes, type Source } from './changes';

class FakeSource implements Source {
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;
  private readonly listeners = new Map<string, (e: { data: string }) => void>();
  addEventListener(type: string, listener: (e: { data: string }) => void) {
    this.listeners.set(type, listener);
  }
  close() {
    this.closed = true;
  }
  tell(type: string, data: unknown) {
    this.listeners.get(type)?.({ data: typeof data === 'string' ? data : JSON.stringify(data) });
  }
}

function set() {
  const queries = new QueryClient();
  const stale = vi.spyOn(queries, 'invalidateQueries').mockResolvedValue();
  const sources: FakeSource[] = [];
  const changes = new Changes(queries, () => {
    const s = new FakeSource();
    sources.push(s);
    return s;
  });
  changes.start();
  const first = sources[0] as FakeSource;
  first.onopen?.();
  const keys = () => stale.mock.calls.map(([f]) => JSON.stringify(f?.queryKey ?? 'all'));
  return { changes, sources, first, stale, keys };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('makes stale what a change is about', () => {
  const { first, keys, changes } = set();
  expect(changes.snapshot()).toBe('live');
  const seen = vi.fn();
  changes.onAlert(seen);
  first.tell('alert', { uid: 'a1', new: true });
  expect(seen).toHaveBeenCalledWith({ uid: 'a1', new: true });
  expect(keys()).toContain('["alert","a1"]');
  expect(keys()).toContain('["alerts","counts"]');
});

it('joins what comes within a second', () => {
  const { first, keys } = set();
  for (let i = 0; i < 50; i++) first.tell('host', { uid: 'h' });
  expect(keys().filter((k) => k === '["hosts"]')).toHaveLength(1);
  vi.advanceTimersByTime(1100);
  expect(keys().filter((k) => k === '["hosts"]')).toHaveLength(2);
});

it('survives what is no JSON', () => {
  const { first, keys } = set();
  first.tell('alert', '{');
  expect(keys()).toEqual([]);
});

it('connects again after a refusal, and reads everything anew', () => {
  const { changes, sources, first, keys } = set();
  first.readyState = 2;
  first.onerror?.();
  expect(changes.snapshot()).toBe('lost');
  expect(first.closed).toBe(true);
  vi.advanceTimersByTime(1500);
  expect(sources).toHaveLength(2);
  sources[1]?.onopen?.();
  expect(changes.snapshot()).toBe('live');
  expect(keys()).toContain('"all"');
});

it('leaves a broken line to the browser', () => {
  const { changes, sources, first } = set();
  first.onerror?.();
  vi.advanceTimersByTime(60_000);
  expect(changes.snapshot()).toBe('lost');
  expect(sources).toHaveLength(1);
});

it('stops for good', () => {
  const { changes, sources, first } = set();
  changes.stop();
  expect(first.closed).toBe(true);
  vi.advanceTimersByTime(60_000);
  expect(sources).toHaveLength(1);
});

it('tells alerts and incidents apart', () => {
  const { first, keys, changes } = set();
  const [alert, incident] = [vi.fn(), vi.fn()];
  changes.onAlert(alert);
  const stop = changes.onIncident(incident);
  first.tell('incident', { uid: 'i1', status: 'open' });
  expect(incident).toHaveBeenCalledWith({ uid: 'i1', status: 'open' });
  expect(alert).not.toHaveBeenCalled();
  expect(keys()).toContain('["incident","i1"]');
  stop();
  first.tell('incident', { uid: 'i2' });
  expect(incident).toHaveBeenCalledTimes(1);
});

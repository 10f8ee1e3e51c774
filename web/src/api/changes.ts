// The live stream of changes. One connection for the whole console; what it
// tells makes the queries concerned stale, at most once a second each.
import type { QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { keys } from './keys';
import type { components } from './schema';

export type Connection = 'connecting' | 'live' | 'lost';

/** RowChange is what the stream tells of an alert or an incident. */
export type RowChange = Pick<components['schemas']['AlertChange'], 'uid'> & Partial<Record<'severity' | 'status', string>> & { new?: boolean };

/** The parts of EventSource that are used; tests pass their own. */
export interface Source {
  readyState: number;
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  addEventListener(type: string, listener: (e: { data: string }) => void): void;
  close(): void;
}

const closed = 2; // EventSource.CLOSED
const gap = 1000; // milliseconds between two invalidations of one key
const longestWait = 30_000;

type RowListener = (c: RowChange) => void;
const rowKinds = ['alert', 'incident'] as const;
type RowKind = (typeof rowKinds)[number];

/** Changes keeps the stream open and says how it is. */
export class Changes {
  private state: Connection = 'connecting';
  private source: Source | null = null;
  private wait = 1000;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<() => void>();
  private readonly rowListeners = { alert: new Set<RowListener>(), incident: new Set<RowListener>() };
  private readonly pending = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly last = new Map<string, number>();
  private everLive = false;

  constructor(
    private readonly queries: QueryClient,
    private readonly open: () => Source = () => new EventSource('/api/v1/changes') as unknown as Source,
  ) {}

  start(): void {
    if (this.source || this.retry) return;
    this.connect();
  }

  stop(): void {
    clearTimeout(this.retry);
    this.retry = undefined;
    this.source?.close();
    this.source = null;
    for (const timer of this.pending.values()) clearTimeout(timer);
    this.pending.clear();
    this.set('connecting');
  }

  /** subscribe and snapshot are for useSyncExternalStore. */
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  snapshot = (): Connection => this.state;

  /** onAlert calls f for each change of an alert, with an empty uid where any may have changed, until the result is called. */
  onAlert = (f: RowListener): (() => void) => this.on('alert', f);

  /** onIncident does the same for incidents. */
  onIncident = (f: RowListener): (() => void) => this.on('incident', f);

  private on(kind: RowKind, f: RowListener): () => void {
    const listeners = this.rowListeners[kind];
    listeners.add(f);
    return () => listeners.delete(f);
  }

  private connect(): void {
    this.retry = undefined;
    const source = this.open();
    this.source = source;
    source.onopen = () => {
      this.wait = 1000;
      // What happened while the line was down is not told again.
      if (this.everLive) this.everything();
      this.everLive = true;
      this.set('live');
    };
    source.onerror = () => this.failed(source);
    for (const kind of rowKinds) source.addEventListener(kind, (e) => this.row(kind, e.data));
    source.addEventListener('host', () => {
      this.stale(keys.hosts);
      this.stale(keys.overview);
    });
    source.addEventListener('exception', () => this.stale(keys.exceptions));
    source.addEventListener('simulation', () => this.stale(keys.simulations));
    source.addEventListener('rule', () => {
      this.stale(keys.rules);
      this.stale(keys.ruleDocs);
    });
    source.addEventListener('ledger', () => {
      this.stale(keys.ledger);
      this.stale(keys.overview);
    });
    // The server left changes out: read anew whatever is shown.
    source.addEventListener('lost', () => this.everything());
  }

  // All is stale but the lists of many parts, which would move rows: they are
  // told that something happened and look for themselves.
  private everything(): void {
    const list = ([first, second]: readonly unknown[]) => rowKinds.some((kind) => first === `${kind}s`) && second === 'list';
    void this.queries.invalidateQueries({ predicate: (q) => !list(q.queryKey) });
    for (const kind of rowKinds) for (const f of this.rowListeners[kind]) f({ uid: '' });
  }

  // EventSource tries again by itself after a broken connection, and gives up
  // for good after a refusal such as 401 or 503: then it is our turn.
  private failed(source: Source): void {
    this.set('lost');
    if (source.readyState !== closed) return;
    source.close();
    this.source = null;
    const wait = this.wait * (0.75 + Math.random() / 2);
    this.wait = Math.min(this.wait * 2, longestWait);
    this.retry = setTimeout(() => {
      void this.queries.invalidateQueries({ queryKey: keys.session });
      this.connect();
    }, wait);
  }

  private row(kind: RowKind, data: string): void {
    let change: RowChange;
    try {
      change = JSON.parse(data) as RowChange;
    } catch {
      return; // not for us to repair; the next change or reload tells
    }
    for (const f of this.rowListeners[kind]) f(change);
    this.stale([`${kind}s`, 'counts']);
    this.stale([kind, change.uid]);
    if (kind === 'alert') this.stale(keys.overview);
    else this.stale(keys.incidentsOf);
  }

  // The first change shows at once, those that follow within the gap together.
  private stale(key: readonly unknown[]): void {
    const name = JSON.stringify(key);
    if (this.pending.has(name)) return;
    const since = Date.now() - (this.last.get(name) ?? 0);
    const run = () => {
      this.pending.delete(name);
      this.last.set(name, Date.now());
      void this.queries.invalidateQueries({ queryKey: key });
    };
    if (since >= gap) run();
    else this.pending.set(name, setTimeout(run, gap - since));
  }

  private set(state: Connection): void {
    if (state === this.state) return;
    this.state = state;
    for (const f of this.listeners) f();
  }
}

/** useConnection says how the stream is. */
export function useConnection(changes: Changes): Connection {
  return useSyncExternalStore(changes.subscribe, changes.snapshot);
}

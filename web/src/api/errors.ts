/** What the server refused, or why it could not be asked. */
export class ApiError extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** Where in the request the fault lies, "assignments[1].policy.only"; "" where the server does not say. */
  readonly where: string;

  constructor(status: number, message: string, where = '') {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.where = where;
  }

  /** Somebody else changed meanwhile what a change builds on. */
  get conflict(): boolean {
    return this.status === 412;
  }

  /** No answer came: server down, or no network. */
  get offline(): boolean {
    return this.status === 0;
  }
}

/** Sentences for statuses whose answer carried none. */
const sentences: Record<number, string> = {
  401: 'You are not signed in, or your session has ended.',
  403: 'Your role does not allow this. Ask an administrator for a higher one.',
  404: 'The server does not have this; it may have been removed by retention.',
  409: 'Somebody else changed this meanwhile. Reload and try again.',
  412: 'Somebody else changed this meanwhile. Reload and try again.',
  413: 'That is more than the server accepts at once.',
  429: 'Too many attempts. Wait a minute and try again.',
  502: 'The server cannot be reached through the proxy in front of it.',
  503: 'The server is starting or stopping. Try again in a moment.',
};

/** problemError makes an error of an RFC 9457 problem document, or of whatever came instead of one. */
export function problemError(status: number, body: unknown): ApiError {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as {
    title?: unknown;
    detail?: unknown;
    errors?: unknown;
  };
  const text = (v: unknown) => (typeof v === 'string' && v !== '' ? v : undefined);
  const faults = (Array.isArray(problem.errors) ? problem.errors : []).map((e: { message?: unknown; location?: unknown } | null) => ({
    message: text(e?.message),
    where: text(e?.location)?.replace(/^body\.?/, '') ?? '',
  }));
  // A fault deep in a document is worth nothing without its place.
  const details = faults.map(({ message, where }) => message && (where.includes('.') ? `${where}: ${message}` : message));
  const message =
    [text(problem.detail), ...details].filter((m) => m !== undefined).join(': ') ||
    sentences[status] ||
    text(problem.title) ||
    `The server answered with status ${status}.`;
  return new ApiError(status, message.slice(0, 1000), faults[0]?.where.slice(0, 200));
}

/** offlineError is for requests that got no answer at all. */
export function offlineError(): ApiError {
  return new ApiError(0, 'The server does not answer. Check that holdfast-server runs and that this machine reaches it.');
}

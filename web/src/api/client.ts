// The one way to the server: cookies for the session, a CSRF header on what
// changes something, errors as ApiError.
import createClient, { type Middleware } from 'openapi-fetch';
import { offlineError, problemError } from './errors';
import type { paths } from './schema';

let csrf = '';

/** setCSRF remembers the token that the session came with. */
export function setCSRF(token: string): void {
  csrf = token;
}

const safe = new Set(['GET', 'HEAD', 'OPTIONS']);

const guard: Middleware = {
  onRequest({ request }) {
    if (!safe.has(request.method) && csrf !== '') {
      request.headers.set('X-CSRF-Token', csrf);
    }
    return request;
  },
  async onResponse({ response }) {
    if (!response.ok) {
      throw problemError(response.status, await response.json().catch(() => null));
    }
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') {
      return error;
    }
    return offlineError();
  },
};

export const client = createClient<paths>({ baseUrl: '/api/v1', credentials: 'same-origin' });
client.use(guard);

/** must unwraps an answer whose failures the client has already thrown. */
export async function must<T>(answer: Promise<{ data?: T }>): Promise<T> {
  const { data } = await answer;
  return data as T;
}

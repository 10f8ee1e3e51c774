import { Button } from '@mantine/core';
import { useRouteError } from 'react-router';
import { EmptyState } from '../components/states';

/** RouteFailure stands in for a page that broke or could not be loaded. */
export function RouteFailure() {
  const error = useRouteError();
  const text = error instanceof Error ? error.message : String(error);
  // After an upgrade of the server the parts of the old console are gone.
  const stale = /dynamically imported module|module script|Unable to preload/i.test(text);
  return (
    <div role="alert">
      <EmptyState
        title={stale ? 'The console was updated' : 'This page broke'}
        text={stale ? 'The server has a newer version of it. Reload to use that.' : text}
        action={<Button onClick={() => window.location.reload()}>Reload</Button>}
      />
    </div>
  );
}

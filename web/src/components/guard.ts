import { useEffect } from 'react';
import { useBeforeUnload, useBlocker } from 'react-router';

/** useGuard asks before somebody leaves the page with changes that are not saved; the result is null, or how to go on. */
export function useGuard(changed: boolean) {
  const blocker = useBlocker(({ currentLocation, nextLocation }) => changed && currentLocation.pathname !== nextLocation.pathname);
  useBeforeUnload((e) => {
    if (changed) e.preventDefault();
  });
  useEffect(() => {
    if (!changed && blocker.state === 'blocked') blocker.reset();
  }, [changed, blocker]);
  return blocker.state === 'blocked' ? { leave: blocker.proceed, stay: blocker.reset } : null;
}

import { EmptyState } from '../../components/states';
import { Page } from '../../components/page';

/** Settings page. */
export function Component() {
  return (
    <Page title="Settings">
      <EmptyState title="Not here yet" text="This page is being built." />
    </Page>
  );
}

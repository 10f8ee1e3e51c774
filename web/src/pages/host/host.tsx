import { EmptyState } from '../../components/states';
import { Page } from '../../components/page';

/** Host page. */
export function Component() {
  return (
    <Page title="Host">
      <EmptyState title="Not here yet" text="This page is being built." />
    </Page>
  );
}

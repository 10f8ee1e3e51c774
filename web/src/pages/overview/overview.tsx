import { EmptyState } from '../../components/states';
import { Page } from '../../components/page';

/** Overview page. */
export function Component() {
  return (
    <Page title="Overview">
      <EmptyState title="Not here yet" text="This page is being built." />
    </Page>
  );
}

import { EmptyState } from '../../components/states';
import { Page } from '../../components/page';

/** Alert page. */
export function Component() {
  return (
    <Page title="Alert">
      <EmptyState title="Not here yet" text="This page is being built." />
    </Page>
  );
}

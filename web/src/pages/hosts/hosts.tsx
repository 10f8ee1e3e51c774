import { EmptyState } from '../../components/states';
import { Page } from '../../components/page';

/** Hosts page. */
export function Component() {
  return (
    <Page title="Hosts">
      <EmptyState title="Not here yet" text="This page is being built." />
    </Page>
  );
}

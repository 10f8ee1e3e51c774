import { EmptyState } from '../../components/states';
import { Page } from '../../components/page';

/** Alerts page. */
export function Component() {
  return (
    <Page title="Alerts">
      <EmptyState title="Not here yet" text="This page is being built." />
    </Page>
  );
}

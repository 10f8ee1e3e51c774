import { EmptyState } from '../../components/states';
import { Page } from '../../components/page';

/** Simulation page. */
export function Component() {
  return (
    <Page title="Simulation">
      <EmptyState title="Not here yet" text="This page is being built." />
    </Page>
  );
}

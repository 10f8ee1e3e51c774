import { Link } from 'react-router';
import { Page } from '../components/page';
import { EmptyState } from '../components/states';

/** Component is the page for addresses that lead nowhere. */
export function Component() {
  return (
    <Page title="Not found">
      <EmptyState title="There is no such page" text={<>The address may be mistyped. Start at the <Link to="/">overview</Link>.</>} />
    </Page>
  );
}

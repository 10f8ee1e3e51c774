import { exact } from '../text/numbers';

/** Count is a number beside what it counts; more says that there may be more than it. */
export function Count({ n, more }: { n: number; more?: boolean | undefined }) {
  if (!more) return <>{exact(n)}</>;
  return (
    <span title={`at least ${exact(n)}`}>
      <span className="hf-hidden">at least {exact(n)}</span>
      <span aria-hidden="true">≥ {exact(n)}</span>
    </span>
  );
}

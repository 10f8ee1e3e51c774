// The draft of policies. What is changed in it comes into force together, when
// it was reviewed, or not at all.
import { useMemo, useState } from 'react';
import { ApiError } from '../../api/errors';
import type { Assignment } from '../../api/model';
import { type InForce, useSetPolicies } from '../../api/policies';
import { type Where, whereOf } from '../../text/policies';

/** Line is an assignment with what tells it from others like it. */
export interface Line {
  id: number;
  assignment: Assignment;
}

/** Draft is policies that are being changed. */
export interface Draft {
  /** As they would be. While nothing is changed, those in force. */
  lines: readonly Line[];
  all: readonly Assignment[];
  /** What the draft builds on. */
  base: InForce;
  changed: boolean;
  /** Other policies came into force meanwhile. */
  overtaken: boolean;
  set: (all: readonly Line[]) => void;
  /** take makes a whole document the draft. */
  take: (all: readonly Assignment[]) => void;
  add: (assignment: Assignment) => void;
  discard: () => void;
  /** rebuild lets the draft build on what is in force now. */
  rebuild: () => void;
  /** enforce puts the draft in force. */
  enforce: (done: (now: InForce) => void) => void;
  pending: boolean;
  /** Why it could not be put in force, and where the fault is, if that is known. */
  error: Error | null;
  where: Where | undefined;
}

let lastID = 0;
const lined = (all: readonly Assignment[]): Line[] => all.map((assignment) => ({ id: ++lastID, assignment }));

/** useDraft is the draft over the policies in force. */
export function useDraft(now: InForce): Draft {
  const standing = useMemo(() => lined(now.all), [now.all]);
  const [own, setOwn] = useState<{ lines: readonly Line[]; base: InForce } | null>(null);
  const put = useSetPolicies();
  const base = own?.base ?? now;
  const lines = own?.lines ?? standing;
  const all = useMemo(() => lines.map((l) => l.assignment), [lines]);
  const set = (next: readonly Line[]) => {
    put.reset();
    setOwn({ lines: next, base });
  };
  const { error } = put;
  return {
    lines,
    all,
    base,
    changed: own !== null && JSON.stringify(all) !== JSON.stringify(base.all),
    // The answer to our own change is there a moment before the draft is gone.
    overtaken: own !== null && base.tag !== now.tag && !put.isPending && !put.isSuccess,
    set,
    take: (next) => set(lined(next)),
    add: (assignment) => set([...lines, ...lined([assignment])]),
    discard: () => {
      put.reset();
      setOwn(null);
    },
    rebuild: () => {
      put.reset();
      setOwn({ lines, base: now });
    },
    enforce: (done) =>
      put.mutate(
        { all, tag: base.tag },
        {
          onSuccess: (next) => {
            setOwn(null);
            done(next);
          },
        },
      ),
    pending: put.isPending,
    error,
    where: error ? whereOf(error.message, error instanceof ApiError ? error.where : '') : undefined,
  };
}

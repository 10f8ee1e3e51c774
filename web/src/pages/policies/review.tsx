import { Fragment } from 'react';
import { Link } from 'react-router';
import type { Assignment, Host } from '../../api/model';
import { ApiError } from '../../api/errors';
import { type InForce, versionOf } from '../../api/policies';
import { Confirm } from '../../components/confirm';
import { type Effect, effects } from '../../text/policies';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import type { Draft } from './draft';
import { Words } from './list';
import css from './policies.module.css';

interface Props {
  draft: Draft;
  hosts: readonly Host[];
  /** Not all hosts are known here. */
  partly: boolean;
  onDone: (now: InForce) => void;
  onClose: () => void;
}

/** Review shows what putting the draft in force does, and does it. */
export function Review({ draft, hosts, partly, onDone, onClose }: Props) {
  return (
    <Confirm opened onClose={onClose} title="Put these policies in force?" action="Put in force" pending={draft.pending} error={draft.error && told(draft.error)} onConfirm={() => draft.enforce(onDone)}>
      <Effects before={draft.base.all} after={draft.all} hosts={hosts} partly={partly} />
      <p>All of it comes into force at once, or nothing and it is said why. It replaces version {versionOf(draft.base.tag)}; the audit log keeps who did it.</p>
    </Confirm>
  );
}

const told = (error: Error): Error => (error instanceof ApiError && error.conflict ? new Error('Somebody else put other policies in force meanwhile. Your draft is kept: close this, and choose above it what becomes of the two.') : error);

const mostEffects = 8;

/** Effects says which hosts get another policy by a change. */
export function Effects({ before, after, hosts, partly }: { before: readonly Assignment[]; after: readonly Assignment[]; hosts: readonly Host[]; partly: boolean }) {
  const all = effects(before, after, hosts);
  const touched = all.reduce((n, e) => n + e.hosts.length, 0);
  if (all.length === 0) return <p>{partly ? 'None of the hosts listed here gets' : 'No host that is enrolled now gets'} another policy.</p>;
  return (
    <>
      <p>
        {partly && 'At least '}
        {plural(touched, 'host')} {touched === 1 ? 'gets' : 'get'} another policy:
      </p>
      <ul className={css.effects}>
        {all.slice(0, mostEffects).map((e, i) => (
          <li key={i}>
            <Who effect={e} />
            <div className={css.turn}>
              <span>
                <span className="hf-hidden">from </span>
                <Words policy={e.from} />
              </span>
              <span aria-hidden="true">→</span>
              <span>
                <span className="hf-hidden">to </span>
                <Words policy={e.to} />
              </span>
            </div>
          </li>
        ))}
        {all.length > mostEffects && <li>and {exact(all.length - mostEffects)} other changes</li>}
      </ul>
    </>
  );
}

const named = 4; // hosts that are named

function Who({ effect: { hosts } }: { effect: Effect }) {
  return (
    <b>
      {hosts.slice(0, named).map((h, i) => (
        <Fragment key={h.uid}>
          {i > 0 && ', '}
          <Link to={`/hosts/${h.uid}`} target="_blank">
            {visible(fold(h.name || h.uid, 64))}
          </Link>
        </Fragment>
      ))}
      {hosts.length > named && ` and ${exact(hosts.length - named)} more`}
    </b>
  );
}

import { Link } from 'react-router';
import { tacticID, tacticLabel, techniquePath } from '../text/attack';
import { visible } from '../text/safe';
import css from './attack.module.css';

/** TacticTags names tactics of ATT&CK; each leads to the page with what there is of it: "all alerts of this tactic". */
export function TacticTags({ tactics, page, of }: { tactics: readonly string[]; page: string; of: string }) {
  return (
    <span className={css.tags}>
      {tactics.map((t) => (
        <Link key={t} to={`${page}?tactic=${encodeURIComponent(t)}`} className={css.tag} title={`${tacticID(t)}: all ${of} of this tactic`}>
          {tacticLabel(visible(t))}
        </Link>
      ))}
    </span>
  );
}

/** TechniqueTags names techniques of ATT&CK; each leads to its description there. */
export function TechniqueTags({ techniques }: { techniques: readonly string[] }) {
  return (
    <span className={css.tags}>
      {techniques.map((id) => (
        <Technique key={id} id={id} />
      ))}
    </span>
  );
}

function Technique({ id }: { id: string }) {
  const path = techniquePath(id);
  return path ? (
    <a className={css.tag} href={`https://attack.mitre.org${path}`} target="_blank" rel="noreferrer noopener" title="Opens attack.mitre.org in a new tab">
      {id}
    </a>
  ) : (
    <span className={css.tag}>{visible(id)}</span>
  );
}

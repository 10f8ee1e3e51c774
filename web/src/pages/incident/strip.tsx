import { useMemo } from 'react';
import type { Incident } from '../../api/model';
import { tacticID, tacticLabel, tacticNames } from '../../text/attack';
import { type Step, steps } from '../../text/incidents';
import { plural } from '../../text/numbers';
import css from './incident.module.css';

/** Strip shows the tactics of ATT&CK in the order of an attack, with what the incident shows of each. */
export function Strip({ incident }: { incident: Incident }) {
  const all = useMemo(() => steps(incident, tacticNames), [incident]);
  return (
    <ol className={css.strip} aria-label="ATT&CK tactics">
      {all.map((s) => (
        <li key={s.tactic} data-seen={s.lines.length > 0 || undefined} data-chain={s.place > 0 || undefined}>
          <Cell step={s} />
        </li>
      ))}
    </ol>
  );
}

function Cell({ step: { tactic, lines, place } }: { step: Step }) {
  const label = tacticLabel(tactic);
  const [first] = lines;
  if (first === undefined) {
    return (
      <span className={css.cell} title={`${tacticID(tactic)}: nothing of it was seen`}>
        {label}
        <span className="hf-hidden">: nothing seen</span>
      </span>
    );
  }
  return (
    <a className={css.cell} href={`#line-${first + 1}`} title={`${tacticID(tactic)}: ${place > 0 ? `step ${place} of the chain, ` : ''}${plural(lines.length, 'line')}; the first is line ${first + 1}`}>
      <b>{label}</b>
      <span>
        {place > 0 && <span className={css.place}><span className="hf-hidden">step </span>{place}</span>}
        {plural(lines.length, 'line')}
      </span>
    </a>
  );
}

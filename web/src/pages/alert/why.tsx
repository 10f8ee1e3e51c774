import type { Alert } from '../../api/model';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import { matchRanges } from '../../text/matches';
import { fold, visible } from '../../text/safe';
import css from './alert.module.css';

/** Why lists the values that satisfied the rule, with the parts that did highlighted. */
export function Why({ alert }: { alert: Alert }) {
  const several = alert.evidence.length > 1;
  return (
    <Panel
      title="Why it fired"
      hint={
        <>
          rule “{visible(fold(alert.rule.title, 160))}”
        </>
      }
      flush
    >
      <div className={css.scroll} tabIndex={0} role="group" aria-label="Matched values">
        <table className={css.matches}>
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Value</th>
              <th scope="col">Condition of the rule</th>
              {several && <th scope="col">Event</th>}
            </tr>
          </thead>
          <tbody>
            {alert.matches.map((m, i) => (
              <tr key={i}>
                <th scope="row">{m.field || 'any text'}</th>
                <td>
                  <HostText text={m.value} marks={matchRanges(m.value, m.condition)} mono />
                </td>
                <td>
                  <HostText text={m.condition} /> <span className={css.selection}>{visible(m.selection)}</span>
                </td>
                {several && (
                  <td>
                    <a href={`#evidence-${m.event + 1}`}>{m.event + 1}</a>
                  </td>
                )}
              </tr>
            ))}
            {alert.matches.length === 0 && (
              <tr>
                <td colSpan={4}>The rule counts or orders events; the evidence below is what it counted.</td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

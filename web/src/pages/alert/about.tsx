import { Link } from 'react-router';
import type { Alert } from '../../api/model';
import { TacticTags, TechniqueTags } from '../../components/attack';
import { CopyButton } from '../../components/copy';
import { KeyValue } from '../../components/keyvalue';
import { Panel } from '../../components/page';
import { fold, visible } from '../../text/safe';
import { exactTime } from '../../text/time';
import css from './alert.module.css';

/** About says what the detection is about, how it can be wrong, and where it comes from. */
export function About({ alert }: { alert: Alert }) {
  const { rule } = alert;
  return (
    <Panel title="About this detection">
      <p className={css.meaning}>{visible(fold(alert.meaning, 4000))}</p>
      <KeyValue
        items={[
          ['Tactics', alert.tactics.length > 0 && <TacticTags key="tactics" tactics={alert.tactics} page="/alerts" of="alerts" />],
          ['Techniques', alert.techniques.length > 0 && <TechniqueTags key="techniques" techniques={alert.techniques} />],
          ['Rule', <Link key="rule" to={`/alerts?rule=${encodeURIComponent(rule.uid)}`}>{visible(fold(rule.title, 200))}</Link>],
          ['Read from', rule.path && <code>{visible(fold(rule.path, 300))}</code>],
          ['Author', rule.author && visible(fold(rule.author, 200))],
          ['Happened', exactTime(alert.time)],
          ['Raised', exactTime(alert.raised_time)],
          ['Received', exactTime(alert.received_time)],
          ['Alert id', <span key="id"><code>{alert.uid}</code> <CopyButton text={alert.uid} label="Copy alert id" /></span>],
        ]}
      />
    </Panel>
  );
}

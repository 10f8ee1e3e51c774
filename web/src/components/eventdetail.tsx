import type { Event } from '../api/model';
import { rows as rowsOf, sentence } from '../text/events';
import { CopyButton } from './copy';
import css from './eventdetail.module.css';
import { HostText } from './hosttext';
import { KeyValue } from './keyvalue';
import { ProcessTree } from './processtree';

/** EventDetail shows all of an event: in words, its values, who did it. */
export function EventDetail({ event }: { event: Event }) {
  const { actor, verb, object } = sentence(event);
  return (
    <>
      <p className={css.story}>
        <b>
          <HostText text={actor} foldAt={100} />
        </b>{' '}
        {verb} <HostText text={object} mono foldAt={400} />
      </p>
      <KeyValue items={rowsOf(event).map((r) => [r.label, <HostText key={r.label} text={r.value} mono />] as const)} />
      {event.process && (
        <>
          <h3 className={css.sub}>Who did it</h3>
          <ProcessTree process={event.process} />
        </>
      )}
      <p className={css.more}>
        <CopyButton text={() => JSON.stringify(event, null, 2)} label="Copy this event as JSON" words="Copy as JSON" />
      </p>
    </>
  );
}

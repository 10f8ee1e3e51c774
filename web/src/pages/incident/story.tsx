import { Switch } from '@mantine/core';
import { IconArrowUpLeft, IconEyeOff, IconServer2, IconStarFilled } from '@tabler/icons-react';
import { Link as RouterLink, useSearchParams } from 'react-router';
import type { Incident, Link, StoryLine } from '../../api/model';
import { TacticTags } from '../../components/attack';
import { SeverityBadge } from '../../components/badges';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import { EmptyState } from '../../components/states';
import { type Stretch, kindsText, lineCount, stretches } from '../../text/incidents';
import { exact } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { clock, date, exactTime, offset } from '../../text/time';
import css from './story.module.css';

const many = 12; // lines of a story from which on the key steps alone are worth a switch

/** Story tells the incident in the order of time, host by host, with the reason that joins each line to those before it. */
export function Story({ incident }: { incident: Incident }) {
  const [query, setQuery] = useSearchParams();
  const keyOnly = query.get('steps') === 'key';
  const { story, links } = incident;
  const set = (only: boolean) => {
    const next = new URLSearchParams(query);
    if (only) next.set('steps', 'key');
    else next.delete('steps');
    setQuery(next, { replace: true, preventScrollReset: true });
  };
  const offered = keyOnly || (story.length >= many && story.some((l) => l.key));
  return (
    <Panel title="Story" hint={lineCount(incident)} flush aside={offered && <Switch size="xs" label="Key steps only" checked={keyOnly} onChange={(e) => set(e.currentTarget.checked)} />}>
      {story.length === 0 && <EmptyState title="Nothing is told yet" text="The signals of this incident are being put in order." />}
      {stretches(story).map((s) => (
        <HostStretch key={s.from} stretch={s} links={links} began={story[0]?.time ?? ''} keyOnly={keyOnly} />
      ))}
    </Panel>
  );
}

function HostStretch({ stretch: { host, name, from, lines }, links, began, keyOnly }: { stretch: Stretch; links: readonly Link[]; began: string; keyOnly: boolean }) {
  const shown = lines.map((line, i) => ({ line, index: from + i })).filter(({ line }) => !keyOnly || line.key);
  if (shown.length === 0) return null;
  return (
    <div className={css.stretch}>
      <h3 className={css.host}>
        <IconServer2 size={15} stroke={1.7} aria-hidden /> <RouterLink to={`/hosts/${host}`}>{visible(fold(name, 64))}</RouterLink>
        <span className={css.day}>{shown[0] && date(shown[0].line.time)}</span>
      </h3>
      <ol className={css.lines}>
        {shown.map(({ line, index }) => (
          <Line key={index} line={line} index={index} began={began} links={links.filter((l) => l.to === index)} />
        ))}
      </ol>
    </div>
  );
}

function Line({ line, index, began, links }: { line: StoryLine; index: number; began: string; links: readonly Link[] }) {
  const [first] = line.signals;
  const title = visible(fold(line.title, 300));
  return (
    <li id={`line-${index + 1}`} className={css.line} data-key={line.key || undefined} data-hidden={line.hidden || undefined}>
      <div className={css.when}>
        <time dateTime={line.time} title={exactTime(line.time)}>
          {clock(line.time).slice(0, 8)}
        </time>
        {index > 0 && <span>{offset(line.time, began)}</span>}
      </div>
      <span className={css.number} data-severity={line.severity}>
        <span className="hf-hidden">Line </span>
        {index + 1}
      </span>
      <div className={css.body}>
        <div className={css.head}>
          {first ? (
            <RouterLink to={`/alerts/${first}`} className={css.title}>
              {title}
            </RouterLink>
          ) : (
            <b className={css.title}>{title}</b>
          )}
          <SeverityBadge severity={line.severity} short />
          {line.key && (
            <span className={css.mark}>
              <IconStarFilled size={11} aria-hidden /> key step
            </span>
          )}
          {line.hidden && (
            <span className={css.mark} title="An exception hides its alerts. It still ties others together; the score leaves it out.">
              <IconEyeOff size={13} aria-hidden /> hidden by an exception
            </span>
          )}
        </div>
        <p className={css.text}>
          <HostText text={line.description} foldAt={300} />
        </p>
        <div className={css.foot}>
          {line.tactics.length > 0 && <TacticTags tactics={line.tactics} page="/incidents" of="incidents" />}
          {line.count > 1 && (
            <span title={`the last one ${exactTime(line.last_time)}`}>
              {exact(line.count)} times within {offset(line.last_time, line.time).slice(1)}
            </span>
          )}
          {line.signals.length > 1 && <Signals signals={line.signals} line={index + 1} />}
        </div>
        {links.map((l, i) => (
          <p key={i} className={css.why} title={kindsText(l)}>
            <IconArrowUpLeft size={13} aria-hidden /> linked to <a href={`#line-${l.from + 1}`}>line {l.from + 1}</a>: <HostText text={l.reason} foldAt={300} />
          </p>
        ))}
      </div>
    </li>
  );
}

/** Signals are the alerts of a line, each with its page. */
function Signals({ signals, line }: { signals: readonly string[]; line: number }) {
  return (
    <span className={css.signals}>
      Alerts:
      {signals.map((uid, i) => (
        <RouterLink key={uid} to={`/alerts/${uid}`} aria-label={`Alert ${i + 1} of line ${line}`}>
          {i + 1}
        </RouterLink>
      ))}
    </span>
  );
}

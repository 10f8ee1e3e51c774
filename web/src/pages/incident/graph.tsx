import { type FocusEvent, type KeyboardEvent, type MouseEvent, useMemo, useState } from 'react';
import type { Incident, Link, StoryLine } from '../../api/model';
import { HostText } from '../../components/hosttext';
import { Panel } from '../../components/page';
import { PlainTable } from '../../components/plaintable';
import { causal, kindsText } from '../../text/incidents';
import { plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { clock, exactTime } from '../../text/time';
import css from './graph.module.css';
import { type Stop, laneHeight, layout, radius, stops } from './layout';

/** Graph draws the story: lines in the order of time, a lane for each host, and what links them. The same is said in words below it. */
export function Graph({ incident: { story, links } }: { incident: Incident }) {
  const picture = useMemo(() => layout(story, links), [story, links]);
  const order = useMemo(() => stops(story.length, links), [story, links]);
  const [at, setAt] = useState(0);
  const [told, setTold] = useState<Stop | null>(null);
  const here = order[at] ?? order[0];
  const is = (stop: Stop) => here !== undefined && same(here, stop);
  const move = (e: KeyboardEvent<SVGSVGElement>) => {
    const next = target(e.key, at, order.length);
    if (next === undefined) return;
    e.preventDefault();
    setAt(next);
    const stop = order[next];
    if (stop) e.currentTarget.querySelector<SVGElement>(`[data-stop="${nameOf(stop)}"]`)?.focus();
  };
  const point = (e: FocusEvent | MouseEvent) => {
    const name = (e.target as Element).closest('[data-stop]')?.getAttribute('data-stop');
    const found = order.findIndex((s) => nameOf(s) === name);
    setTold(order[found] ?? null);
    if (e.type === 'focus' && found >= 0) setAt(found);
  };
  return (
    <Panel title="Graph" hint={`${plural(story.length, 'line')}, ${plural(links.length, 'link')}`} flush>
      <div className={css.frame}>
        <div className={css.lanes} aria-hidden="true">
          {picture.lanes.map((l) => (
            <span key={l.host} style={{ height: laneHeight }} title={visible(fold(l.name, 200))}>
              {visible(fold(l.name, 60))}
            </span>
          ))}
        </div>
        <svg width={picture.width} height={picture.height} role="group" aria-label="Lines of the story and their links. Arrow keys go from one to the next." onKeyDown={move} onFocus={point} onMouseOver={point} onMouseLeave={() => setTold(null)}>
          {picture.lanes.map((l) => (
            <line key={l.host} className={css.lane} x1={0} x2={picture.width} y1={l.y} y2={l.y} />
          ))}
          {links.map((link, i) => (
            <Edge key={i} link={link} index={i} path={picture.edges[i]?.path ?? ''} current={is({ link: i })} />
          ))}
          {story.map((line, i) => (
            <Line key={i} line={line} index={i} {...(picture.nodes[i] ?? { x: 0, y: 0 })} current={is({ line: i })} />
          ))}
          {picture.ticks.map((t) => (
            <text key={t.x} className={css.tick} x={t.x} y={picture.height - 8} textAnchor="middle" aria-hidden="true">
              {clock(t.time).slice(0, 8)}
            </text>
          ))}
        </svg>
      </div>
      <div className={css.told} aria-live="polite">
        {told ? <Told stop={told} story={story} links={links} /> : <span className={css.hint}>Point at a line or a link, or go through them with the arrow keys, to read what it is.</span>}
      </div>
      <Legend />
      {links.length > 0 && <Words story={story} links={links} />}
    </Panel>
  );
}

const nameOf = (stop: Stop): string => ('line' in stop ? `line-${stop.line}` : `link-${stop.link}`);
const same = (a: Stop, b: Stop): boolean => nameOf(a) === nameOf(b);

/** target is where a key leads to; undefined for keys that lead nowhere. */
function target(key: string, at: number, length: number): number | undefined {
  switch (key) {
    case 'ArrowRight':
    case 'ArrowDown':
      return Math.min(at + 1, length - 1);
    case 'ArrowLeft':
    case 'ArrowUp':
      return Math.max(at - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return length - 1;
    default:
      return undefined;
  }
}

const short = (text: string) => visible(fold(text, 160));

function Line({ line, index, x, y, current }: { line: StoryLine; index: number; x: number; y: number; current: boolean }) {
  const marks = [line.key && 'key step', line.hidden && 'hidden by an exception'].filter(Boolean).join(', ');
  return (
    <g transform={`translate(${x} ${y})`}>
      <a
        href={`#line-${index + 1}`}
        data-stop={`line-${index}`}
        tabIndex={current ? 0 : -1}
        className={css.node}
        data-severity={line.severity}
        data-key={line.key || undefined}
        data-hidden={line.hidden || undefined}
        aria-label={`Line ${index + 1}, ${clock(line.time).slice(0, 8)}, ${short(line.host_name)}: ${short(line.title)}${marks ? ` (${marks})` : ''}`}
      >
        {line.key && <circle className={css.ring} r={radius + 4} />}
        <circle className={css.dot} r={radius} />
        <text textAnchor="middle" dy="0.35em">
          {index + 1}
        </text>
      </a>
    </g>
  );
}

function Edge({ link, index, path, current }: { link: Link; index: number; path: string; current: boolean }) {
  return (
    <a
      href={`#line-${link.to + 1}`}
      data-stop={`link-${index}`}
      tabIndex={current ? 0 : -1}
      className={css.edge}
      data-causal={causal(link) || undefined}
      aria-label={`Link from line ${link.from + 1} to line ${link.to + 1}, ${kindsText(link)}: ${short(link.reason)}`}
    >
      <path className={css.reach} d={path} />
      <path className={css.drawn} d={path} />
    </a>
  );
}

/** Told says what is pointed at. */
function Told({ stop, story, links }: { stop: Stop; story: readonly StoryLine[]; links: readonly Link[] }) {
  if ('line' in stop) {
    const line = story[stop.line];
    if (!line) return null;
    return (
      <>
        <b>Line {stop.line + 1}</b>, {exactTime(line.time)}, on {visible(fold(line.host_name || line.host, 64))}: {visible(fold(line.title, 200))}
      </>
    );
  }
  const link = links[stop.link];
  if (!link) return null;
  return (
    <>
      <b>
        Line {link.from + 1} → {link.to + 1}
      </b>
      , {kindsText(link)}: <HostText text={link.reason} foldAt={2000} />
    </>
  );
}

function Legend() {
  return (
    <ul className={css.legend} aria-label="What the signs mean">
      <li>
        <svg width="30" height="12" aria-hidden="true">
          <path className={css.drawn} data-causal d="M1 6 H29" />
        </svg>
        one brought about the other
      </li>
      <li>
        <svg width="30" height="12" aria-hidden="true">
          <path className={css.drawn} d="M1 6 H29" />
        </svg>
        something in common
      </li>
      <li>
        <svg width="20" height="18" aria-hidden="true">
          <circle className={css.ring} cx="10" cy="9" r="8" />
          <circle className={css.sample} cx="10" cy="9" r="5" />
        </svg>
        key step
      </li>
      <li>
        <svg width="20" height="18" aria-hidden="true">
          <circle className={css.sample} data-hidden cx="10" cy="9" r="6" />
        </svg>
        hidden by an exception
      </li>
    </ul>
  );
}

/** Words lists the links for whom the picture says nothing. */
function Words({ story, links }: { story: readonly StoryLine[]; links: readonly Link[] }) {
  const line = (i: number) => (
    <a href={`#line-${i + 1}`}>
      {i + 1}: {visible(fold(story[i]?.title ?? '', 80))}
    </a>
  );
  return (
    <details className={css.words}>
      <summary>All {plural(links.length, 'link')} in words</summary>
      <PlainTable
        label="Links between the lines of the story"
        rows={links.map((link, i) => ({ ...link, id: String(i) }))}
        id={(l) => l.id}
        columns={[
          { key: 'from', title: 'From', render: (l) => line(l.from) },
          { key: 'to', title: 'To', render: (l) => line(l.to) },
          { key: 'kinds', title: 'Kind', render: (l) => kindsText(l) },
          { key: 'reason', title: 'Why', render: (l) => <HostText text={l.reason} foldAt={400} /> },
        ]}
      />
    </details>
  );
}

import { IconChevronRight, IconTerminal2 } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import type { Process } from '../api/model';
import { accountName, base, entryWords, lineage, started } from '../text/events';
import { type Range } from '../text/safe';
import { exactTime } from '../text/time';
import { CopyButton } from './copy';
import { HostText } from './hosttext';
import { KeyValue } from './keyvalue';
import css from './processtree.module.css';

/**
 * ProcessTree shows a process below its ancestors, the oldest first. The
 * acting process is the last and is marked; marks highlights parts of its
 * command line. Each opens to all that is known of it.
 */
export function ProcessTree({ process, marks }: { process: Process; marks?: readonly Range[] }) {
  const chain = useMemo(() => lineage(process), [process]);
  return (
    <ol className={css.tree}>
      {chain.map((p, depth) => {
        const acting = depth === chain.length - 1;
        return <Node key={`${p.uid}-${depth}`} process={p} depth={depth} acting={acting} before={chain[depth - 1]} marks={acting ? marks : undefined} />;
      })}
    </ol>
  );
}

interface NodeProps {
  process: Process;
  depth: number;
  acting: boolean;
  before: Process | undefined;
  marks: readonly Range[] | undefined;
}

function Node({ process: p, depth, acting, before, marks }: NodeProps) {
  const [open, setOpen] = useState(false);
  const user = accountName(p.user);
  const changed = before !== undefined && accountName(before.user) !== user;
  const entry = entryWords(p);
  const newEntry = entry !== '' && p.entry_point.kind !== 'init' && (before === undefined || entryWords(before) !== entry);
  const name = base(p.file?.path ?? '') || p.name || 'unknown program';
  const indent = Math.min(depth, 12) * 18;
  return (
    <li className={css.node} data-acting={acting || undefined} aria-level={depth + 1}>
      <div className={css.line} style={{ paddingLeft: indent }}>
        {depth > 0 && <span className={css.elbow} style={{ left: indent - 9 }} aria-hidden />}
        <button type="button" className={css.toggle} aria-expanded={open} aria-label={`Details of process ${p.pid}`} onClick={() => setOpen(!open)}>
          <IconChevronRight size={14} aria-hidden />
        </button>
        <div className={css.body}>
          <div className={css.first}>
            <span className={css.name}>
              <HostText text={name} foldAt={80} />
            </span>
            {acting && (
              <span className={css.acting}>
                <IconTerminal2 size={13} aria-hidden /> acting process
              </span>
            )}
            <span className={css.fact}>pid {p.pid}</span>
            <span className={css.fact} data-changed={changed || undefined}>
              <HostText text={user} foldAt={64} />
              {p.effective_user && (
                <>
                  {' as '}
                  <HostText text={accountName(p.effective_user)} foldAt={64} />
                </>
              )}
            </span>
            {newEntry && (
              <span className={css.entry}>
                came by <HostText text={entry} foldAt={120} />
              </span>
            )}
            {p.container && (
              <span className={css.entry}>
                container <HostText text={p.container.name || p.container.uid.slice(0, 12)} foldAt={80} />
              </span>
            )}
          </div>
          {p.cmd_line && (
            <div className={css.command}>
              <HostText text={p.cmd_line} mono {...(marks ? { marks } : {})} foldAt={acting ? 800 : 200} />
              {p.args_truncated && <span className={css.fact}> (cut by the agent)</span>}
            </div>
          )}
          {open && <Details process={p} />}
        </div>
      </div>
    </li>
  );
}

function Details({ process: p }: { process: Process }) {
  const host = (text: string | undefined) => (text ? <HostText text={text} mono /> : undefined);
  const hash = p.file?.sha256;
  return (
    <div className={css.details}>
      <KeyValue
        items={[
          ['Program', host(p.file?.path)],
          ['Command line', p.cmd_line && <>{host(p.cmd_line)} <CopyButton text={p.cmd_line} label="Copy command line" /></>],
          ['Script', host(p.script)],
          ['Folder', host(p.working_directory)],
          ['Started', started(p) && exactTime(started(p))],
          ['Logged on as', p.login_user && host(accountName(p.login_user))],
          ['Terminal', host(p.tty)],
          ['Session came by', host(entryWords(p))],
          ['SHA-256', hash && <>{host(hash)} <CopyButton text={hash} label="Copy SHA-256" /></>],
          ['Package', p.file?.package ? host(p.file.package) : p.file?.owned === 'no' ? 'none: no package owns this program' : undefined],
          ['Lies', p.file?.kind === 'memfd' ? 'in memory only' : p.file?.kind === 'deleted' ? 'in a file that was deleted' : undefined],
          ['Descriptors', p.descriptors?.map((d) => <div key={d.fd}>{d.fd}: {d.kind} {host(d.target)}</div>)],
          ['Environment', p.environment?.length ? host(p.environment.join(' ')) : undefined],
          ['Container', p.container && host([p.container.runtime, p.container.name, p.container.image, p.container.uid].filter(Boolean).join(' '))],
          ['Process id', <>{host(p.uid)} <CopyButton text={p.uid} label="Copy process id" /></>],
        ]}
      />
    </div>
  );
}

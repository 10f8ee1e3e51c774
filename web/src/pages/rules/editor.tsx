import { SegmentedControl, Skeleton, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconChevronLeft, IconDeviceFloppy, IconTrash } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { ApiError } from '../../api/errors';
import { useHosts } from '../../api/queries';
import { type CheckedRule, type RuleDoc, type RuleState, ruleStates, useDropDoc, useRule, useRuleCheck, useRuleDoc } from '../../api/rules';
import { TacticTags, TechniqueTags } from '../../components/attack';
import { SeverityBadge } from '../../components/badges';
import { CodeBox } from '../../components/codebox';
import { Confirm } from '../../components/confirm';
import { useGuard } from '../../components/guard';
import { Page, Panel } from '../../components/page';
import { RoleButton, useReason } from '../../components/rolebutton';
import { EmptyState, ErrorState } from '../../components/states';
import { TimeAgo } from '../../components/timeago';
import { useToast } from '../../components/toast';
import { exact, plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { Conflict } from './conflict';
import { DryRun } from './dryrun';
import css from './editor.module.css';
import { History } from './history';
import pageCss from './rules.module.css';
import { SaveDialog } from './save';
import { copied, fresh, nameOf, wrongName } from './template';
import { docAddress, ruleAddress, stateNames, stateWords } from './words';

const longest = 2 ** 20; // characters that a document may have, as the server bounds it
const pause = 400; // milliseconds after the last key before the text is looked at

/** Component is the page of a rule document: of one that is there, of a new one, or of one that begins as a copy of a rule. */
export function Component() {
  const [search] = useSearchParams();
  const name = search.get('name') ?? '';
  const from = search.get('from') ?? '';
  if (name !== '') return <Existing key={name} name={name} />;
  return from === '' ? <Editor key="new" /> : <Copied key={from} from={from} />;
}

function Existing({ name }: { name: string }) {
  const [removing, setRemoving] = useState(false);
  const doc = useRuleDoc(name, removing);
  if (doc.data) return <Editor doc={doc.data} onRemoving={setRemoving} />;
  const gone = doc.error instanceof ApiError && doc.error.status === 404;
  return (
    <Page title="Rule document">
      {doc.isPending && <Skeleton height={420} />}
      {gone && <EmptyState title="There is no such document" text="It may have been removed." action={<Link to="/rules?tab=documents">All documents</Link>} />}
      {doc.isError && !gone && <ErrorState error={doc.error} retry={() => void doc.refetch()} />}
    </Page>
  );
}

function Copied({ from }: { from: string }) {
  const rule = useRule(from);
  if (rule.data) return <Editor text={copied(rule.data.text, crypto.randomUUID())} name={nameOf(rule.data.title)} />;
  return (
    <Page title="Rule document">
      {rule.isPending && <Skeleton height={420} />}
      {rule.isError && <ErrorState error={rule.error} retry={() => void rule.refetch()} />}
    </Page>
  );
}

/** Draft is a document as it is being written. */
interface Draft {
  name: string;
  text: string;
  state: RuleState;
}

/** useDraft is what is written over a document, or a new one. */
function useDraft(doc: RuleDoc | undefined, text: string, name: string) {
  const [base, setBase] = useState(doc);
  const [draft, setDraft] = useState<Draft>(() => ({ name: doc?.uid ?? name, text: doc?.text ?? text, state: doc?.state ?? 'draft' }));
  const changed = base ? draft.text !== (base.text ?? '') || draft.state !== base.state : draft.text !== text || draft.name !== name;
  return {
    draft,
    base,
    changed,
    overtaken: doc !== undefined && base !== undefined && doc.version > base.version,
    set: (part: Partial<Draft>) => setDraft({ ...draft, ...part }),
    rebase: setBase,
    take: (next: RuleDoc) => {
      setBase(next);
      setDraft({ name: next.uid, text: next.text ?? '', state: next.state });
    },
  };
}

interface Props {
  /** The document; absent for a new one, which begins with a text and a name. */
  doc?: RuleDoc;
  text?: string;
  name?: string;
  onRemoving?: (removing: boolean) => void;
}

const became: Record<RuleState, string> = { draft: 'is kept as a draft.', test: 'is in test: matches are counted, and raise no alert.', live: 'is in force.' };

function Editor({ doc, text, name = '', onRemoving }: Props) {
  const first = useMemo(() => text ?? fresh(crypto.randomUUID()), [text]);
  const { draft, base, changed, set, rebase, take, ...own } = useDraft(doc, first, name);
  const [doing, setDoing] = useState<'save' | 'delete' | null>(null);
  // The news of our own version may come before the answer to it.
  const overtaken = own.overtaken && doing === null;
  const [settled] = useDebouncedValue(draft.text, pause);
  const check = useRuleCheck(settled, draft.name);
  const readOnly = useReason('approver') !== '';
  const navigate = useNavigate();
  const toast = useToast();
  const guard = useGuard(changed && !readOnly);
  const problems = useMemo(() => (check.data?.problems ?? []).map((p) => ({ line: p.line, text: p.reason })), [check.data]);
  const title = base ? visible(fold(base.uid, 200)) : 'New rule document';
  const why = wrongName(draft.name) || (overtaken ? 'Somebody else saved another version: choose first what becomes of yours.' : changed || !base ? '' : 'Nothing is changed.');
  const saved = (next: RuleDoc) => {
    setDoing(null);
    take({ ...next, text: draft.text });
    toast.say(`Version ${next.version} ${became[next.state]}`);
    if (!base) void navigate(docAddress(next.uid), { replace: true });
  };
  return (
    <Page
      title={title}
      heading={<Heading title={title} doc={base} />}
      actions={<Actions there={base !== undefined} reason={why} onSave={() => setDoing('save')} onRemove={() => setDoing('delete')} />}
    >
      {overtaken && doc && base && <Conflict mine={draft.text} theirs={doc} onTheirs={() => take(doc)} onMine={() => rebase(doc)} />}
      <div className={css.grid}>
        <Panel title="Sigma rules" hint="Enter keeps the indentation; Tab leaves the text" flush>
          <div className={css.text}>
            <CodeBox label="Text of the document" value={draft.text} rows={26} indent maxLength={longest} problems={problems} {...(readOnly ? {} : { onChange: (next: string) => set({ text: next }) })} />
            <Verdict check={check} fresh={settled === draft.text && !check.isPlaceholderData} count={problems.length} />
          </div>
        </Panel>
        <div className={pageCss.stack}>
          <About draft={draft} isNew={!base} readOnly={readOnly} onChange={set} />
          <Found rules={check.data?.rules ?? []} inForce={base !== undefined && base.state !== 'draft'} />
          {base && base.state === 'test' && <InTest doc={doc ?? base} />}
          {base && <History doc={base} readOnly={readOnly} onTake={(next) => set({ text: next })} />}
        </div>
        <div className={css.whole}>
          <DryRun text={draft.text} name={draft.name} problems={problems.length} />
        </div>
      </div>
      {doing === 'save' && <SaveDialog name={draft.name} text={draft.text} state={draft.state} base={base} problems={problems.length} onDone={saved} onClose={() => setDoing(null)} />}
      {doing === 'delete' && base && <DropDialog doc={base} onRemoving={onRemoving} onDone={() => take(base)} onClose={() => setDoing(null)} />}
      <Confirm opened={guard !== null} onClose={() => guard?.stay()} title="Leave without saving?" action="Discard the changes" danger pending={false} error={null} onConfirm={() => guard?.leave()}>
        <p>What you wrote is not saved, and is forgotten when you leave this page.</p>
      </Confirm>
    </Page>
  );
}

function Heading({ title, doc }: { title: string; doc: RuleDoc | undefined }) {
  return (
    <div className={pageCss.heading}>
      <Link to="/rules?tab=documents" className={pageCss.back}>
        <IconChevronLeft size={15} aria-hidden /> Documents
      </Link>
      <h1 className={pageCss.title}>{title}</h1>
      {doc && (
        <span className={pageCss.muted}>
          version {exact(doc.version)}, <TimeAgo time={doc.changed_time} plain /> by {visible(fold(doc.author, 64))}
        </span>
      )}
    </div>
  );
}

function Actions({ there, reason, onSave, onRemove }: { there: boolean; reason: string; onSave: () => void; onRemove: () => void }) {
  return (
    <>
      {there && (
        <RoleButton role="approver" variant="default" leftSection={<IconTrash size={15} aria-hidden />} onClick={onRemove}>
          Remove
        </RoleButton>
      )}
      <RoleButton role="approver" reason={reason} leftSection={<IconDeviceFloppy size={15} aria-hidden />} onClick={onSave}>
        Save…
      </RoleButton>
    </>
  );
}

/** About is what a document is called, which only a new one chooses, and what it is used for. */
function About({ draft, isNew, readOnly, onChange }: { draft: Draft; isNew: boolean; readOnly: boolean; onChange: (part: Partial<Draft>) => void }) {
  return (
    <Panel title="Document">
      <div className={css.form}>
        {isNew && (
          <TextInput
            label="Name"
            description="As of a file below a folder: web/shells.yml"
            value={draft.name}
            onChange={(e) => onChange({ name: e.currentTarget.value.trim() })}
            maxLength={200}
            error={draft.name !== '' && wrongName(draft.name)}
            readOnly={readOnly}
          />
        )}
        <StateChoice state={draft.state} readOnly={readOnly} onChange={(state) => onChange({ state })} />
      </div>
    </Panel>
  );
}

function Verdict({ check, fresh, count }: { check: ReturnType<typeof useRuleCheck>; fresh: boolean; count: number }) {
  if (check.isError) return <p className={css.bad}>The text could not be looked at: {check.error.message}</p>;
  const found = check.data?.rules.length ?? 0;
  const words = !fresh ? 'Looking at the text…' : count > 0 ? `${plural(count, 'problem')}. A draft may have them; a document in test or live may not.` : found > 0 ? `No problems: ${plural(found, 'rule')} can be used.` : '';
  return <p className={css.verdict}>{words}</p>;
}

function StateChoice({ state, readOnly, onChange }: { state: RuleState; readOnly: boolean; onChange: (state: RuleState) => void }) {
  return (
    <div>
      <SegmentedControl size="xs" fullWidth aria-label="State" value={state} readOnly={readOnly} onChange={(v) => onChange(v as RuleState)} data={ruleStates.map((s) => ({ value: s, label: stateNames[s] }))} />
      <p className={css.meaning}>{stateWords[state]}</p>
    </div>
  );
}

const most = 100; // rules of a document that are listed

function Found({ rules, inForce }: { rules: readonly CheckedRule[]; inForce: boolean }) {
  return (
    <Panel title="Rules in it" hint={rules.length > 0 ? exact(rules.length) : undefined} flush>
      {rules.length === 0 && <p className={pageCss.note}>None that can be used.</p>}
      <ul className={pageCss.rows}>
        {rules.slice(0, most).map((r, i) => (
          <li key={`${r.uid} ${i}`}>
            {inForce && r.uid ? <Link to={ruleAddress(r.uid)}>{visible(fold(r.title, 160))}</Link> : visible(fold(r.title, 160))}
            <span className={css.tags}>
              <SeverityBadge severity={r.level} short />
              <TacticTags tactics={r.tactics} page="/rules" of="rules" />
              <TechniqueTags techniques={r.techniques} />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function InTest({ doc }: { doc: RuleDoc }) {
  const names = new Map(useHosts().data?.items.map((h) => [h.uid, h.name]));
  return (
    <Panel title="Matches in test" hint={`${exact(doc.matches)} since this version`} flush>
      {doc.matches === 0 && <p className={pageCss.note}>Nothing that came in since matched.</p>}
      <ul className={pageCss.rows}>
        {(doc.samples ?? []).map((m, i) => (
          <li key={i}>
            {visible(fold(m.description || m.title, 300))}
            <span className={pageCss.facts}>
              <Link to={`/hosts/${encodeURIComponent(m.host)}?tab=events`}>{visible(fold(names.get(m.host) || m.host, 64))}</Link>
              <span>{visible(fold(m.title, 120))}</span>
              <TimeAgo time={m.time} plain />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function DropDialog({ doc, onRemoving, onDone, onClose }: { doc: RuleDoc; onDone: () => void; onClose: () => void } & Pick<Props, 'onRemoving'>) {
  const drop = useDropDoc();
  const navigate = useNavigate();
  const toast = useToast();
  const remove = () => {
    onRemoving?.(true);
    drop.mutate(doc, {
      onError: () => onRemoving?.(false),
      onSuccess: () => {
        // What was written is discarded with it: nothing to ask when leaving.
        onDone();
        toast.say('The document is removed. Its history is kept.');
        setTimeout(() => void navigate('/rules?tab=documents'), 0);
      },
    });
  };
  return (
    <Confirm opened onClose={onClose} title={`Remove ${visible(fold(doc.uid, 120))}?`} action="Remove the document" danger pending={drop.isPending} error={drop.error} onConfirm={remove}>
      <p>
        {doc.state === 'draft' ? 'None of its rules is in use.' : `Its ${plural(doc.rules.length, 'rule')} ${doc.rules.length === 1 ? 'is' : 'are'} not evaluated any more.`} Alerts that they raised stay.
      </p>
    </Confirm>
  );
}

import { IconAlertCircle } from '@tabler/icons-react';
import { type KeyboardEvent, type Ref, memo, useId, useImperativeHandle, useMemo, useRef } from 'react';
import { type Fault, type Problem, indentation, offsetOf, placeWords, spans } from '../text/code';
import { fold, visible } from '../text/safe';
import css from './codebox.module.css';

/** CodeHandle lets a page write into the text and lead to places in it. */
export interface CodeHandle {
  /** insert writes at the caret, in place of what is selected. */
  insert: (text: string) => void;
  goTo: (place: Pick<Problem, 'line' | 'column'>) => void;
  /** show brings a line to the top, and leaves the focus where it is. */
  show: (line: number) => void;
  focus: () => void;
}

interface Props {
  label: string;
  value: string;
  /** Absent where the text may only be read. */
  onChange?: (text: string) => void;
  problems?: readonly Problem[];
  /** What the text must stay below, in characters. */
  maxLength?: number;
  /** Lines that are seen before it scrolls. */
  rows: number;
  /** Enter keeps the indentation, as YAML wants it. */
  indent?: boolean;
  /** Ctrl and Enter, or Command and Enter. */
  onSubmit?: () => void;
  placeholder?: string;
  ref?: Ref<CodeHandle>;
}

const most = 8; // problems that are listed

/**
 * CodeBox is a field for code: numbers at the lines, what is wrong underlined
 * and listed below. It is a plain text field over a mirror of itself that holds
 * the numbers and lines, so all that people and screen readers know of text
 * fields holds. Characters that nobody would see are marked.
 */
export function CodeBox({ label, value, onChange, problems = [], maxLength, rows, indent, onSubmit, placeholder, ref }: Props) {
  const input = useRef<HTMLTextAreaElement>(null);
  const mirror = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const list = useId();
  const lines = useMemo(() => value.split('\n'), [value]);
  const faults = useMemo(() => faultsByLine(problems, lines.length), [problems, lines.length]);
  const goTo = (place: Pick<Problem, 'line' | 'column'>) => {
    const at = offsetOf(value, place);
    input.current?.focus({ preventScroll: true });
    input.current?.setSelectionRange(at, at);
    mirror.current?.children[Math.min(Math.max(place.line, 1), lines.length) - 1]?.scrollIntoView({ block: 'nearest' });
  };
  useImperativeHandle(ref, () => ({
    goTo,
    show: (line) => {
      const row = mirror.current?.children[line - 1] as HTMLElement | undefined;
      scroller.current?.scrollTo({ top: row?.offsetTop ?? 0 });
    },
    insert: (text) => {
      input.current?.focus();
      write(text);
    },
    focus: () => input.current?.focus(),
  }));
  const keys = (e: KeyboardEvent<HTMLTextAreaElement>) => {
    if (e.key !== 'Enter' || e.nativeEvent.isComposing) return;
    if ((e.ctrlKey || e.metaKey) && onSubmit) {
      e.preventDefault();
      onSubmit();
    } else if (indent && onChange && !e.ctrlKey && !e.metaKey && !e.altKey && !e.shiftKey) {
      const before = value.slice(0, e.currentTarget.selectionStart);
      e.preventDefault();
      write(`\n${indentation(before.slice(before.lastIndexOf('\n') + 1))}`);
    }
  };
  const wrong = problems.length > 0;
  return (
    <>
      <div ref={scroller} className={css.scroller} data-bad={wrong || undefined} data-read={onChange === undefined || undefined} style={{ height: rows * 20 + 18 }}>
        <div className={css.sheet}>
          <div ref={mirror} className={css.mirror} aria-hidden="true">
            {lines.map((text, i) => (
              <Line key={i} number={i + 1} text={text} faults={faults.get(i + 1) ?? ''} />
            ))}
          </div>
          <textarea
            ref={input}
            className={css.input}
            aria-label={label}
            aria-invalid={wrong || undefined}
            {...(wrong ? { 'aria-describedby': list } : {})}
            value={value}
            onChange={(e) => onChange?.(e.currentTarget.value)}
            onKeyDown={keys}
            readOnly={onChange === undefined}
            {...(maxLength ? { maxLength } : {})}
            {...(placeholder ? { placeholder } : {})}
            rows={1}
            spellCheck={false}
            autoComplete="off"
            autoCapitalize="off"
            autoCorrect="off"
          />
        </div>
      </div>
      <div role="status" className="hf-hidden">
        {wrong && `${problems.length === 1 ? 'One problem' : `${problems.length} problems`}. ${sentence(problems[0])}`}
      </div>
      {wrong && <Problems id={list} problems={problems} onGo={goTo} />}
    </>
  );
}

// The browser's own command, unlike a new value, can be undone with Ctrl+Z.
const write = (text: string) => document.execCommand('insertText', false, text);

const sentence = (p: Problem | undefined) => (p ? [placeWords(p), p.text, p.hint].filter(Boolean).join('. ') : '');

/** faultsByLine are the faults of each line, as a string, so that a line can tell whether its own have changed. */
function faultsByLine(problems: readonly Problem[], last: number): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const { line, column = 0, length = 0 } of problems) {
    const at = Math.min(line, last);
    if (at > 0) found.set(at, `${found.get(at) ?? ''} ${column}:${length}`);
  }
  return found;
}

const parsed = (faults: string): Fault[] => faults.split(' ').filter(Boolean).map((f) => f.split(':').map(Number) as unknown as Fault);

const Line = memo(function Line({ number, text, faults }: { number: number; text: string; faults: string }) {
  return (
    <div className={css.line} data-line={number} data-bad={faults !== '' || undefined}>
      {spans(text, parsed(faults)).map((p, i) =>
        p.bad || p.unseen ? (
          <span key={i} className={p.unseen ? css.unseen : css.bad}>
            {p.text}
          </span>
        ) : (
          p.text
        ),
      )}
    </div>
  );
});

function Problems({ id, problems, onGo }: { id: string; problems: readonly Problem[]; onGo: (p: Problem) => void }) {
  return (
    <ul id={id} className={css.problems} aria-label="Problems">
      {problems.slice(0, most).map((p, i) => (
        <li key={i}>
          <IconAlertCircle size={14} aria-hidden />
          {p.line > 0 && (
            <button type="button" className={css.place} onClick={() => onGo(p)}>
              {placeWords(p)}
            </button>
          )}
          <span className={css.said}>
            {visible(fold(p.text, 500))}
            {p.hint && <span className={css.hint}>{visible(fold(p.hint, 500))}</span>}
          </span>
        </li>
      ))}
      {problems.length > most && <li>and {problems.length - most} more</li>}
    </ul>
  );
}

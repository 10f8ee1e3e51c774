import css from './commandbox.module.css';
import { CopyButton } from './copy';

/** CommandBox shows something to be typed or kept elsewhere, exactly as it is, with a button that copies it. */
export function CommandBox({ label, text }: { label: string; text: string }) {
  return (
    <div className={css.box}>
      <div className={css.head}>
        <span>{label}</span>
        <CopyButton text={text} label={`Copy: ${label}`} words="Copy" />
      </div>
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
    </div>
  );
}

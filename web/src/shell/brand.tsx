import css from './shell.module.css';

/** Brand is the sign and the name. */
export function Brand() {
  return (
    <span className={css.brand}>
      <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
        <rect width="32" height="32" rx="7" fill="#006c9a" />
        <path d="M10 7v18M22 7v18M10 16h12" stroke="#fff" strokeWidth="3.6" strokeLinecap="round" />
      </svg>
      Holdfast
    </span>
  );
}

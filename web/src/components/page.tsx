import { type ReactNode, useEffect } from 'react';
import css from './page.module.css';

/** Page is the frame of a page: title, what can be done, content. */
export function Page(props: { title: string; heading?: ReactNode; actions?: ReactNode; fill?: boolean; children: ReactNode }) {
  useEffect(() => {
    document.title = `${props.title} · Holdfast`;
  }, [props.title]);
  return (
    <div className={css.page} data-fill={props.fill || undefined}>
      <header className={css.head}>
        {props.heading ?? <h1 className={css.title}>{props.title}</h1>}
        <div className={css.actions}>{props.actions}</div>
      </header>
      {props.children}
    </div>
  );
}

/** Panel is a titled part of a page. */
export function Panel(props: {
  title: ReactNode;
  hint?: ReactNode;
  aside?: ReactNode;
  flush?: boolean;
  id?: string;
  children: ReactNode;
}) {
  return (
    <section className={css.panel} id={props.id}>
      <div className={css.panelHead}>
        <h2 className={css.panelTitle}>{props.title}</h2>
        {props.hint && <span className={css.hint}>{props.hint}</span>}
        {props.aside && <div className={css.aside}>{props.aside}</div>}
      </div>
      <div className={props.flush ? css.flush : css.body}>{props.children}</div>
    </section>
  );
}

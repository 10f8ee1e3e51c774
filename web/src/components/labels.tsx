import { fold, visible } from '../text/safe';
import css from './labels.module.css';

/** Labels shows a host's labels, in the order of their names. */
export function Labels({ labels }: { labels: Record<string, string> }) {
  const all = Object.entries(labels).sort(([a], [b]) => a.localeCompare(b));
  return (
    <span className={css.labels}>
      {all.map(([key, value]) => (
        <span key={key} className={css.label} title={visible(`${key}=${value}`)}>
          <span className={css.key}>{visible(fold(key, 40))}</span>
          {value !== '' && `=${visible(fold(value, 60))}`}
        </span>
      ))}
    </span>
  );
}

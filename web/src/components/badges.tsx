import { IconCircleCheck, IconCircleDashed, IconCircleDotFilled, IconCircleX, IconEyeOff } from '@tabler/icons-react';
import { type Severity, type Status, type Verdict, severities, statuses } from '../api/model';
import css from './badges.module.css';

export const severityNames: Record<Severity, string> = {
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  informational: 'Informational',
};

export const statusNames: Record<Status, string> = {
  open: 'Open',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
  dismissed: 'Dismissed',
  suppressed: 'Suppressed',
};

export const verdictNames: Record<Verdict, string> = {
  '': 'No verdict',
  attack: 'Attack',
  benign: 'Benign',
};

/** SeverityMark is the severity as bars: four for high, one for informational. */
export function SeverityMark({ severity }: { severity: Severity }) {
  const level = severities.length - severities.indexOf(severity);
  return (
    <svg className={css.mark} viewBox="0 0 13 11" width="13" height="11" aria-hidden="true">
      {[0, 1, 2, 3].map((i) => (
        <rect key={i} x={i * 3.4} y={8 - i * 2.6} width="2.4" height={3 + i * 2.6} rx="0.7" fillOpacity={i < level ? 1 : 0.25} />
      ))}
    </svg>
  );
}

/** SeverityBadge shows a severity by word, shape and colour. */
export function SeverityBadge({ severity, short }: { severity: string; short?: boolean }) {
  const known = (severities as readonly string[]).includes(severity) ? (severity as Severity) : 'informational';
  const name = severityNames[known];
  return (
    <span className={css.severity} data-severity={known}>
      <SeverityMark severity={known} />
      {short && known === 'informational' ? <abbr title={name}>Info</abbr> : name}
    </span>
  );
}

const statusIcons = {
  open: IconCircleDashed,
  acknowledged: IconCircleDotFilled,
  resolved: IconCircleCheck,
  dismissed: IconCircleX,
  suppressed: IconEyeOff,
};

/** StatusBadge shows how far people are with an alert. */
export function StatusBadge({ status }: { status: string }) {
  const known = (statuses as readonly string[]).includes(status) ? (status as Status) : 'open';
  const Icon = statusIcons[known];
  return (
    <span className={css.status} data-status={known}>
      <Icon size={15} stroke={1.8} aria-hidden />
      {statusNames[known]}
    </span>
  );
}

import { IconAffiliate, IconEyeOff } from '@tabler/icons-react';
import { Link } from 'react-router';
import type { Alert } from '../../api/model';
import { SeverityBadge } from '../../components/badges';
import { hostsText } from '../../text/incidents';
import { plural } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import { useIncidentOf } from '../incident/data';
import css from './alert.module.css';

/** Belongs leads to the incident that the alert is part of, and to the exception that hid it. */
export function Belongs({ alert }: { alert: Alert }) {
  const incident = useIncidentOf(alert.uid).data;
  return (
    <>
      {incident && (
        <p className={css.belongs}>
          <IconAffiliate size={17} stroke={1.7} aria-hidden />
          <span>
            {incident.lines > 1 ? 'Part of the incident' : 'Stands alone so far, as the incident'} <Link to={`/incidents/${incident.uid}`}>{visible(fold(incident.title, 160))}</Link>
            {incident.lines > 1 && `: ${plural(incident.lines, 'step')} on ${hostsText(incident.hosts, incident.host_names, 3)}`}
          </span>
          <SeverityBadge severity={incident.severity} short />
        </p>
      )}
      {alert.exception && (
        <p className={css.belongs}>
          <IconEyeOff size={17} stroke={1.7} aria-hidden />
          <span>
            Hidden by <Link to={`/exceptions/${alert.exception}`}>an exception</Link> when it came. It still ties incidents together.
          </span>
        </p>
      )}
    </>
  );
}

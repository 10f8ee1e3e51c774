import { IconLock } from '@tabler/icons-react';
import { type ComponentType, useEffect, useRef } from 'react';
import { NavLink, useParams } from 'react-router';
import { type Role, roles } from '../../api/model';
import { useSession } from '../../api/queries';
import { Page } from '../../components/page';
import { useReason } from '../../components/rolebutton';
import { EmptyState } from '../../components/states';
import { Policies } from '../policies/policies';
import { About } from './about';
import { Account } from './account';
import { AuditLog } from './audit';
import { Backup } from './backup';
import { Enrolment } from './enrolment';
import { Keeping } from './keeping';
import { SingleSignOn } from './oidc';
import css from './settings.module.css';
import { Tokens } from './tokens';
import { Users } from './users';

interface Section {
  path: string;
  label: string;
  role: Role;
  Content: ComponentType;
}

const sections: readonly Section[] = [
  { path: 'account', label: 'Your account', role: 'reader', Content: Account },
  { path: 'users', label: 'Users', role: 'admin', Content: Users },
  { path: 'sign-on', label: 'Single sign-on', role: 'admin', Content: SingleSignOn },
  { path: 'tokens', label: 'API tokens', role: 'admin', Content: Tokens },
  { path: 'enrolment', label: 'Enrolment', role: 'approver', Content: Enrolment },
  { path: 'policies', label: 'Policies', role: 'reader', Content: Policies },
  { path: 'keeping', label: 'Retention and sessions', role: 'admin', Content: Keeping },
  { path: 'audit-log', label: 'Audit log', role: 'admin', Content: AuditLog },
  { path: 'backup', label: 'Backup', role: 'admin', Content: Backup },
  { path: 'about', label: 'About', role: 'reader', Content: About },
];

/** Component is the page of settings, one section at a time. */
export function Component() {
  const { section } = useParams();
  const own = useSession().data?.user.role ?? 'reader';
  const may = (role: Role) => roles.indexOf(own as Role) >= roles.indexOf(role);
  const nav = useRef<HTMLElement>(null);
  // On narrow screens the sections are one line, wider than the screen.
  useEffect(() => {
    nav.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [section]);
  const current = section === undefined ? sections[0] : sections.find((s) => s.path === section);
  return (
    <Page title={current ? `${current.label} · Settings` : 'Settings'} heading={<h1 className={css.title}>Settings</h1>} fill>
      <div className={css.layout}>
        <nav ref={nav} className={css.nav} aria-label="Settings">
          {sections.map((s, i) => (
            <NavLink key={s.path} to={i === 0 && section === undefined ? '/settings' : `/settings/${s.path}`} className={css.link ?? ''}>
              {s.label}
              {!may(s.role) && (
                <>
                  <IconLock size={13} aria-hidden />
                  <span className="hf-hidden"> (needs the role {s.role})</span>
                </>
              )}
            </NavLink>
          ))}
        </nav>
        <div className={css.content}>{current ? <Guarded section={current} /> : <EmptyState title="There is no such section" text="The address may be mistyped." />}</div>
      </div>
    </Page>
  );
}

function Guarded({ section: { role, label, Content } }: { section: Section }) {
  const reason = useReason(role);
  return reason ? <EmptyState icon={<IconLock size={26} stroke={1.5} aria-hidden />} title={`${label} is not for your role`} text={reason} /> : <Content />;
}

import { ActionIcon, Loader, Menu, Tooltip, useMantineColorScheme } from '@mantine/core';
import {
  IconAffiliate,
  IconAlertTriangle,
  IconChartHistogram,
  IconDeviceDesktop,
  IconFileCode,
  IconEyeOff,
  IconLogout,
  IconMoon,
  IconPlayerPlay,
  IconSettings,
  IconShieldExclamation,
  IconServer2,
  IconSun,
  IconUserCircle,
  IconZoomCode,
} from '@tabler/icons-react';
import { Suspense, useEffect, useRef } from 'react';
import { Link, NavLink, Navigate, Outlet, useLocation, useNavigate, useNavigation } from 'react-router';
import type { Session } from '../api/model';
import { useConnection } from '../api/changes';
import { changes, useLogout, useOverview, useSession } from '../api/queries';
import { ErrorState } from '../components/states';
import { useGoKeys } from '../components/keyboard';
import { compact, plural } from '../text/numbers';
import { fold, visible } from '../text/safe';
import { Brand } from './brand';
import css from './shell.module.css';

const pages = [
  { to: '/', label: 'Overview', icon: IconChartHistogram, key: 'o' },
  { to: '/alerts?status=open,acknowledged', label: 'Alerts', icon: IconShieldExclamation, key: 'a' },
  { to: '/incidents?status=open,acknowledged', label: 'Incidents', icon: IconAffiliate, key: 'i' },
  { to: '/hosts', label: 'Hosts', icon: IconServer2, key: 'h' },
  { to: '/hunt', label: 'Hunt', icon: IconZoomCode, key: 'u' },
  { to: '/rules', label: 'Rules', icon: IconFileCode, key: 'r' },
  { to: '/exceptions', label: 'Exceptions', icon: IconEyeOff, key: 'x' },
  { to: '/simulation', label: 'Simulation', icon: IconPlayerPlay, key: 's' },
  { to: '/settings', label: 'Settings', icon: IconSettings, key: 't' },
];

/** Shell is what surrounds every page: navigation, the person, the state of the line. */
export function Shell() {
  const session = useSession();
  const location = useLocation();
  if (session.isPending) {
    return <div className={css.starting}><Loader size="sm" aria-label="Loading" /></div>;
  }
  if (session.isError) {
    return <ErrorState error={session.error} retry={() => void session.refetch()} />;
  }
  if (!session.data) {
    const here = location.pathname + location.search + location.hash;
    return <Navigate to={here === '/' ? '/login' : `/login?next=${encodeURIComponent(here)}`} replace />;
  }
  return <Frame session={session.data} />;
}

function Frame({ session }: { session: Session }) {
  const navigate = useNavigate();
  const navigation = useNavigation();
  const location = useLocation();
  useEffect(() => {
    changes.start();
    return () => changes.stop();
  }, []);
  useGoKeys(Object.fromEntries(pages.map((p) => [p.key, () => void navigate(p.to)])));
  return (
    <div className={css.frame}>
      <a className={css.skip} href="#content">
        Skip to content
      </a>
      <header className={css.bar}>
        <Link to="/" className={css.home}>
          <Brand />
        </Link>
        <Navigation />
        <div className={css.right}>
          <ServerMark />
          <ConnectionMark />
          <SchemeSwitch />
          <UserMenu session={session} />
        </div>
      </header>
      {navigation.state === 'loading' && <div className={css.progress} role="progressbar" aria-label="Loading page" />}
      <main id="content" className={css.content} tabIndex={-1} key={location.pathname}>
        <Suspense fallback={null}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}

function Navigation() {
  const nav = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  // On narrow screens the pages are one line, wider than the screen.
  useEffect(() => {
    nav.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [pathname]);
  const overview = useOverview();
  const open = Object.values(overview.data?.open_alerts ?? {}).reduce((a, b) => a + b, 0);
  return (
    <nav ref={nav} className={css.nav} aria-label="Pages">
      {pages.map(({ to, label, icon: Icon }) => (
        <NavLink key={label} to={to} end={to === '/'} className={css.link}>
          <Icon size={17} stroke={1.7} aria-hidden />
          <span className={css.label}>{label}</span>
          {label === 'Alerts' && open > 0 && <span className={css.count}>{compact(open)}<span className="hf-hidden"> open</span></span>}
        </NavLink>
      ))}
    </nav>
  );
}

/** ServerMark leads to what is wrong with the server, from every page. */
function ServerMark() {
  const conditions = useOverview().data?.conditions ?? [];
  if (conditions.length === 0) return null;
  const hint = conditions.map((c) => visible(fold(c.text, 200))).join(' ');
  return (
    <Tooltip label={hint} multiline maw={340}>
      <Link to="/#warnings" className={css.warnings}>
        <IconAlertTriangle size={16} stroke={1.8} aria-hidden />
        <span className={css.word}>{plural(conditions.length, 'warning')}</span>
        <span className="hf-hidden"> of the server</span>
      </Link>
    </Tooltip>
  );
}

const connectionWords = {
  live: ['Live', 'Changes are shown as they happen.'],
  connecting: ['Connecting', 'Connecting to the server’s stream of changes.'],
  lost: ['Not live', 'The stream of changes is interrupted. What you see may be old; it is tried again by itself.'],
} as const;

function ConnectionMark() {
  const state = useConnection(changes);
  const [word, hint] = connectionWords[state];
  return (
    <Tooltip label={hint} multiline maw={260}>
      <span className={css.connection} data-state={state} role="status" tabIndex={0}>
        <span className={css.dot} aria-hidden />
        <span className={css.word}>{word}</span>
        <span className="hf-hidden">{hint}</span>
      </span>
    </Tooltip>
  );
}

const nextScheme = { auto: 'light', light: 'dark', dark: 'auto' } as const;
const schemeNames = { auto: 'as the system', light: 'light', dark: 'dark' } as const;

function SchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Icon = { auto: IconDeviceDesktop, light: IconSun, dark: IconMoon }[colorScheme];
  const label = `Colours: ${schemeNames[colorScheme]}. Switch to ${schemeNames[nextScheme[colorScheme]]}`;
  return (
    <Tooltip label={label}>
      <ActionIcon aria-label={label} size="lg" onClick={() => setColorScheme(nextScheme[colorScheme])}>
        <Icon size={18} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}

function UserMenu({ session }: { session: Session }) {
  const logout = useLogout();
  const { user } = session;
  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target>
        <ActionIcon size="lg" aria-label={`Account of ${user.full_name || user.name}`}>
          <IconUserCircle size={20} stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <span className={css.who}>{user.full_name || user.name}</span>
          <br />
          {user.name}, {user.role}
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item leftSection={<IconSettings size={16} aria-hidden />} component={Link} to="/settings/account">
          Account
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => logout.mutate()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

// One file a page, each loaded when it is first opened.
import { createBrowserRouter } from 'react-router';
import { RouteFailure } from './shell/failure';
import { Shell } from './shell/shell';

export const router = createBrowserRouter([
  { path: '/login', lazy: () => import('./shell/login'), ErrorBoundary: RouteFailure },
  {
    path: '/',
    Component: Shell,
    ErrorBoundary: RouteFailure,
    HydrateFallback: () => null,
    children: [
      {
        ErrorBoundary: RouteFailure,
        children: [
          { index: true, lazy: () => import('./pages/overview/overview') },
          { path: 'alerts', lazy: () => import('./pages/alerts/alerts') },
          { path: 'alerts/:uid', lazy: () => import('./pages/alert/alert') },
          { path: 'incidents', lazy: () => import('./pages/incidents/incidents') },
          { path: 'incidents/:uid', lazy: () => import('./pages/incident/incident') },
          { path: 'hosts', lazy: () => import('./pages/hosts/hosts') },
          { path: 'hosts/:uid', lazy: () => import('./pages/host/host') },
          { path: 'exceptions', lazy: () => import('./pages/exceptions/exceptions') },
          { path: 'exceptions/:uid', lazy: () => import('./pages/exceptions/exception') },
          { path: 'rules', lazy: () => import('./pages/rules/rules') },
          { path: 'rules/document/edit', lazy: () => import('./pages/rules/editor') },
          { path: 'rules/:uid', lazy: () => import('./pages/rules/rule') },
          { path: 'hunt', lazy: () => import('./pages/hunt/hunt') },
          { path: 'simulation', lazy: () => import('./pages/simulation/simulation') },
          { path: 'settings/:section?', lazy: () => import('./pages/settings/settings') },
          { path: '*', lazy: () => import('./shell/notfound') },
        ],
      },
    ],
  },
]);

// What the agent's features do, and what to do when one does not.
import type { Feature } from '../api/model';

const words: Record<string, string> = {
  audit: 'programs, logons, accounts and identity files, by the kernel’s audit records',
  perf: 'every start and end of a process, by the kernel’s perf side-band',
  procfs: 'processes, by looking at /proc where neither audit nor perf can',
  netsense: 'connections and listening sockets, with the process behind them',
  authlog: 'logons and account changes, from the system’s log',
  transport: 'the connection to this server',
};

/** featureWords says what a feature watches; "" for one that is not known here. */
export const featureWords = (name: string): string => (Object.hasOwn(words, name) ? (words[name] ?? '') : '');

const order = ['failed', 'degraded', 'starting', 'running', 'stopped', 'unsupported', 'off'];

/** featureOrder puts what needs a look first. */
export const featureOrder = (state: string): number => (order.includes(state) ? order.indexOf(state) : 2);

/** advice says what to do about a feature that is not well; "" for one that is, or whose warnings say it. */
export function advice(f: Feature): string {
  switch (f.state) {
    case 'failed':
      return 'The agent tries again by itself. If this stays, mend what it names, then “systemctl restart holdfast-agent” on the host; “journalctl -u holdfast-agent” says more.';
    case 'degraded':
      return (f.warnings ?? []).length > 0 ? '' : 'It works with less than it should. “holdfast-agent status” on the host says more.';
    case 'unsupported':
      return 'This machine cannot carry it; nothing is to be done.';
    default:
      return '';
  }
}

import { expect, it } from 'vitest';
import type { Rule, Scenario, Simulation, SimulationPart } from '../../api/model';
import { groups, partState, runState, toAlert, underWay } from './words';

const part = (state: string, detail = ''): SimulationPart => ({ subject: 'reverse-shell', state, detail, time: '' });
const run = (state: string, ...parts: SimulationPart[]): Simulation => ({ uid: '1', host: 'h', action: 'simulate', argument: [], created_by: '', created_time: '', changed_time: '', state, detail: '', parts });

it('reads how long the alert took', () => {
  expect(toAlert(part('done', 'alert VM_ReverseShell after 0.13 s'))).toBe('0.13');
  expect(toAlert(part('done', 'alert x after 9 seconds'))).toBe('');
});

it('says how things stand, also in states that it does not know', () => {
  expect(runState(run('sent', part('waiting')))[1]).toBe('waiting');
  expect(runState(run('sent', part('running')))[1]).toBe('busy');
  expect(underWay(run('accepted', part('done')))).toBe(true);
  expect(underWay(run('expired', part('waiting')))).toBe(false);
  expect(partState(part('constructor'))).toEqual(['constructor', 'none']);
  expect(runState(run('odd'))).toEqual(['odd', 'none']);
});

it('groups by tactic in the order of an attack, the rest last', () => {
  const scenario = (name: string, alert_type: string): Scenario => ({ name, alert_type, title: '', summary: '', os: [], needs: [] });
  const rule = (alert_type: string, path: string): Rule => ({
    alert_type, path, uid: '', title: '', severity: 'low', techniques: [], tactics: [], source: 'built-in', state: 'live', doc: '', level: 'low', logsource: '', kind: 'detection', author: '', description: '', false_positives: [],
    references: [], alerts_30d: 0,
  });
  const found = groups([scenario('a', 'A'), scenario('b', 'B'), scenario('c', 'C')], [rule('A', 'linux/impact/a.yml'), rule('B', 'linux/execution/b.yml')]);
  expect(found.map((g) => [g.tactic, g.scenarios.map((s) => s.name)])).toEqual([['execution', ['b']], ['impact', ['a']], ['', ['c']]]);
});

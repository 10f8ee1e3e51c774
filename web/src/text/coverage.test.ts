import { describe, expect, it } from 'vitest';
import type { Rule, RuleCoverage } from '../api/rules';
import { type Shown, columns, covered, level } from './coverage';

const coverage: RuleCoverage = {
  version: '17',
  tactics: [
    {
      tactic: 'execution',
      techniques: [
        { technique: 'T1059.004', name: 'Unix Shell', rules: ['a', 'b', 'c'], live: 2, test: 1, alerts_30d: 7 },
        { technique: 'T1053', name: 'Scheduled Task/Job', rules: [], live: 0, test: 0, alerts_30d: 0 },
        { technique: 'T1059', name: 'Command and Scripting Interpreter', rules: ['a'], live: 1, test: 0, alerts_30d: 5 },
      ],
    },
    { tactic: 'persistence', techniques: [{ technique: 'T1053', name: 'Scheduled Task/Job', rules: [], live: 0, test: 0, alerts_30d: 0 }] },
  ],
};
const rules = [{ uid: 'a', alerts_30d: 5 }, { uid: 'b', alerts_30d: 2 }] as Rule[];
const matrix = (shown: Partial<Shown>) => columns(coverage, rules, { subs: true, only: 'all', text: '', ...shown });
const ids = (shown: Partial<Shown>) => matrix(shown).map((c) => c.cells.map((x) => x.technique).join(' '));

describe('columns', () => {
  it('put techniques before their parts', () => expect(ids({})).toEqual(['T1053 T1059 T1059.004', 'T1053']));
  it('join parts, and count rules and alerts once', () => expect(matrix({ subs: false })[0]?.cells[1]).toEqual({ technique: 'T1059', name: 'Command and Scripting Interpreter', live: 2, test: 1, alerts: 7, sub: false }));
  it('show what is covered', () => expect(ids({ only: 'covered' })).toEqual(['T1059 T1059.004', '']));
  it('show what is not', () => expect(ids({ only: 'uncovered' })).toEqual(['T1053', 'T1053']));
  it('look for a text', () => expect(ids({ text: 'unix' })).toEqual(['T1059.004', '']));
});

it('counts a technique of two tactics once', () => expect(covered(matrix({}))).toEqual({ all: 3, live: 2 }));
it('has four shades', () => expect([0, 1, 2, 4, 5, 90].map(level)).toEqual([0, 1, 2, 2, 3, 3]));

import { describe, expect, it } from 'vitest';
import type { Rule } from '../api/rules';
import { narrowedRules, parseRules, shownRules, writeRules } from './ruleview';

const rule = (uid: string, more: Partial<Rule>): Rule => ({
  uid, title: uid, alert_type: '', severity: 'low', path: '', techniques: [], tactics: [], source: 'built-in', state: 'live', doc: '', level: 'low', logsource: '', kind: 'detection', author: '',
  description: '', false_positives: [], references: [], alerts_30d: 0, ...more,
});
const rules = [
  rule('a', { severity: 'high', techniques: ['T1059.004'], tactics: ['execution'], alerts_30d: 3 }),
  rule('b', { severity: 'low', source: 'console', state: 'test', description: 'A shell of a web server', alerts_30d: 9 }),
  rule('c', { severity: 'high', techniques: ['T1059'], tactics: ['execution', 'impact'] }),
];
const view = (query: string) => parseRules(new URLSearchParams(query));
const shown = (query: string) => shownRules(rules, view(query)).map((r) => r.uid).join('');

describe('shownRules', () => {
  const cases: [query: string, want: string][] = [
    ['', 'acb'], ['order=title', 'abc'], ['order=-alerts', 'bac'], ['severity=high', 'ac'], ['source=console,files', 'b'], ['state=test', 'b'], ['tactic=impact', 'c'],
    ['technique=T1059', 'ac'], ['technique=T1059.004', 'a'], ['text=shell web', 'b'], ['text=t1059.004', 'a'], ['text=nothing', ''],
  ];
  for (const [query, want] of cases) it(query || 'all', () => expect(shown(query)).toBe(want));
});

describe('the URL', () => {
  it('holds the view', () => {
    const query = 'source=console&state=draft,test&tactic=execution&text=web shell&technique=T1505.003&order=title';
    expect(view(writeRules(view(query)).toString())).toEqual(view(query));
  });
  it('leaves out what is malformed', () => expect(writeRules(view('state=odd&technique=x&order=odd')).toString()).toBe(''));
  it('says whether anything is left out', () => expect([narrowedRules(view('')), narrowedRules(view('order=title')), narrowedRules(view('technique=T1059'))]).toEqual([false, false, true]));
});

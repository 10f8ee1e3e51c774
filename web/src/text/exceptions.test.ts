import { describe, expect, it } from 'vitest';
import type { ExceptionBody, ExceptionScope } from '../api/model';
import { bodyOf, conditionText, coverFault, fault, impactText, matchText, newCondition, samplesText, scopeText, stateOf, typedOf } from './exceptions';

const now = Date.parse('2026-11-23T12:00:00Z');
const scope = (over: Partial<ExceptionScope>) => ({ hosts: [], labels: {}, rules: [], alert_types: [], kinds: [], ...over }) as ExceptionScope;
const names = { rules: new Map([['r1', 'Cron job added'], ['r2', 'History cleared']]), types: new Map(), hosts: new Map([['h1', 'web-01']]) };

describe('words', () => {
  it('say what a condition asks for', () => {
    expect(conditionText({ field: 'process.command_line', op: 'starts_with', values: ['apt-get ', 'dpkg '] })).toBe('command line starts with “apt-get ” or “dpkg ”');
    expect(conditionText({ field: 'remote.address', op: 'cidr', values: ['10.0.0.0/8'], not: true })).toBe('remote address is not in the network “10.0.0.0/8”');
    expect(conditionText({ field: 'user.name', op: 'equals', values: ['a', 'b', 'c', 'd', 'e'] })).toContain('or 2 more');
  });

  it('hide nothing that deceives the eye', () => expect(conditionText({ field: 'file.path', op: 'equals', values: ['/tmp/\u202egpj'] })).toContain('\\u202e'));

  it('say what is covered', () => {
    expect(scopeText(scope({ rules: ['r1', 'r2'] }), names)).toBe('Cron job added or History cleared, on every host');
    expect(scopeText(scope({ rules: ['r9'], hosts: ['h1', 'h2'], labels: { group: 'web' } }), names)).toBe('r9, on web-01 and h2, on hosts with group=web');
    expect(scopeText(scope({ alert_types: ['VM_X'], rules: ['r1'] }), names)).toBe('Cron job added, and of type VM_X, on every host');
    expect(matchText({ match: [] })).toBe('whatever the alert says');
  });

  it('count what would have been hidden', () => {
    expect(impactText({ hidden: 14, total: 16, complete: true }, 30)).toBe('Would have hidden 14 of the last 30 days’ 16 alerts of these rules.');
    expect(impactText({ hidden: 14, total: 14, complete: true }, 30)).toBe('Would have hidden all 14 alerts of these rules in the last 30 days.');
    expect(impactText({ hidden: 5000, total: 5000, complete: false }, 30)).toContain('at least 5,000');
    expect(impactText({ hidden: 0, total: 1, complete: true }, 7)).toBe('Would have hidden none of the last 7 days’ 1 alert of these rules.');
    expect(impactText({ hidden: 0, total: 0, complete: true }, 7)).toContain('Nothing to hide');
  });

  it('says which recorded attacks it would hide', () => {
    expect(samplesText({ samples_hidden: 0, samples_total: 0 })).toBe('');
    expect(samplesText({ samples_hidden: 0, samples_total: 3 })).toBe('Hides none of the 3 recorded attacks that these rules are tested with.');
    expect(samplesText({ samples_hidden: 2, samples_total: 3 })).toBe('Hides 2 of the 3 recorded attacks that these rules are tested with.');
    expect(samplesText({ samples_hidden: 3, samples_total: 3 })).toBe('Hides all 3 recorded attacks that these rules are tested with.');
    expect(samplesText({ samples_hidden: 1, samples_total: 1 })).toBe('Hides the only recorded attack that these rules are tested with.');
  });
});

it('knows whether an exception hides anything', () => {
  expect(stateOf({ enabled: true }, now)).toBe('active');
  expect(stateOf({ enabled: true, expires_time: '2026-11-23T12:00:00Z' }, now)).toBe('expired');
  expect(stateOf({ enabled: false, expires_time: '2020-01-01T00:00:00Z' }, now)).toBe('disabled');
});

describe('what is typed', () => {
  const body: ExceptionBody = {
    name: 'Backup', reason: 'It is ours.', enabled: true, expires_time: new Date(2026, 11, 25).toISOString(), whole_rule: false,
    scope: scope({ rules: ['r1'], labels: { group: 'web', old: '' }, kinds: ['alert'] }), match: [{ field: 'user.name', op: 'equals', values: ['root'] }, { field: 'file.path', op: 'matches', values: ['/srv/*'], not: true }],
  };

  it('stays the same when it is only looked at', () => expect(bodyOf(typedOf(body), now)).toEqual(body));

  it('ends after its days, or never', () => {
    const typed = typedOf(undefined);
    expect(bodyOf(typed, now).expires_time).toBeUndefined();
    expect(bodyOf({ ...typed, lifetime: '7d' }, now).expires_time).toBe('2026-11-30T12:00:00.000Z');
    expect(bodyOf({ ...typed, lifetime: 'day', day: 'soon' }, now).expires_time).toBeUndefined();
  });

  it('says what is missing, one thing at a time', () => {
    let typed = typedOf(undefined);
    expect(fault(typed)).toContain('name');
    typed = { ...typed, name: 'x' };
    expect(fault(typed)).toContain('why');
    typed = { ...typed, reason: 'y' };
    expect(fault(typed)).toContain('rule');
    typed = { ...typed, rules: ['r1'] };
    expect(fault(typed)).toContain('condition');
    typed = { ...typed, match: [newCondition('user.name')] };
    expect(fault(typed)).toContain('user has no value');
    expect(fault({ ...typed, match: [{ ...newCondition(), values: ['/bin/x'] }] })).toBe('');
  });

  it('takes "not" alone for hiding everything', () => {
    const typed = { ...typedOf(undefined), rules: ['r1'], match: [{ ...newCondition(), values: ['/bin/x'], not: true }] };
    expect(coverFault(typed)).not.toBe('');
    expect(coverFault({ ...typed, wholeRule: true })).toBe('');
    expect(bodyOf({ ...typed, wholeRule: true }, now).whole_rule).toBe(true);
  });

  it('hides a whole rule only where no condition narrows it', () => {
    const typed = { ...typedOf(undefined), rules: ['r1'], wholeRule: true, match: [{ ...newCondition(), values: ['/bin/x'] }] };
    expect(bodyOf(typed, now).whole_rule).toBe(false);
  });
});

// The view of the list of rules, its form in the URL, and which rules it shows.
import { severities } from '../api/model';
import { type Rule, ruleSources, ruleStates } from '../api/rules';

/** ruleFacets are filters with lists of values, as they are named in the URL. */
export const ruleFacets = ['source', 'state', 'severity', 'tactic'] as const;
export type RuleFacet = (typeof ruleFacets)[number];

export const ruleOrders = ['title', '-title', '-severity', 'severity', '-alerts', 'alerts'] as const;
export type RuleOrder = (typeof ruleOrders)[number];

/** RuleView is what the list shows. */
export type RuleView = Record<RuleFacet, string[]> & {
  text: string;
  /** Id of a technique, whose sub-techniques count too; "" for all. */
  technique: string;
  order: RuleOrder;
};

const allowed: Partial<Record<RuleFacet, readonly string[]>> = { source: ruleSources, state: ruleStates, severity: severities };

const words = (query: URLSearchParams, name: string) => (query.get(name) ?? '').trim().slice(0, 256);

/** parseRules reads a view from the URL's query; what is malformed is left out. */
export function parseRules(query: URLSearchParams): RuleView {
  const values = (facet: RuleFacet) => [...new Set(words(query, facet).split(',').filter((v) => v !== '' && (allowed[facet]?.includes(v) ?? true)))];
  const technique = words(query, 'technique');
  const order = query.get('order') as RuleOrder;
  return {
    source: values('source'),
    state: values('state'),
    severity: values('severity'),
    tactic: values('tactic'),
    text: words(query, 'text'),
    technique: /^T\d{4}(\.\d{3})?$/.test(technique) ? technique : '',
    order: ruleOrders.includes(order) ? order : '-severity',
  };
}

/** writeRules makes the query of a view; what is at its default is left out. */
export function writeRules(view: RuleView): URLSearchParams {
  const query = new URLSearchParams();
  for (const facet of ruleFacets) if (view[facet].length > 0) query.set(facet, view[facet].join(','));
  for (const name of ['text', 'technique'] as const) if (view[name] !== '') query.set(name, view[name]);
  if (view.order !== '-severity') query.set('order', view.order);
  return query;
}

/** narrowedRules reports whether a view leaves any rule out. */
export const narrowedRules = (view: RuleView): boolean => view.text !== '' || view.technique !== '' || ruleFacets.some((f) => view[f].length > 0);

/** shownRules are the rules that a view shows, in its order. */
export function shownRules(rules: readonly Rule[], view: RuleView): Rule[] {
  const wanted = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  const facts = (r: Rule): Record<RuleFacet, readonly string[]> => ({ source: [r.source], state: [r.state], severity: [r.severity], tactic: r.tactics });
  const fits = (r: Rule) => {
    const own = facts(r);
    if (!ruleFacets.every((f) => view[f].length === 0 || own[f].some((v) => view[f].includes(v)))) return false;
    if (view.technique !== '' && !r.techniques.some((t) => t === view.technique || t.startsWith(`${view.technique}.`))) return false;
    if (wanted.length === 0) return true;
    const all = [r.title, r.uid, r.path, r.alert_type, r.description, r.author, r.logsource, ...r.techniques].join('\n').toLowerCase();
    return wanted.every((w) => all.includes(w));
  };
  const sign = view.order.startsWith('-') ? -1 : 1;
  const worth = (r: Rule) => (view.order.endsWith('alerts') ? r.alerts_30d : severities.length - severities.indexOf(r.severity));
  const by = view.order.endsWith('title') ? (a: Rule, b: Rule) => sign * a.title.localeCompare(b.title) : (a: Rule, b: Rule) => sign * (worth(a) - worth(b)) || a.title.localeCompare(b.title);
  return rules.filter(fits).sort(by);
}

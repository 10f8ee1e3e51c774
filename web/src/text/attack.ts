// ATT&CK tactics in the order of an attack, and where ATT&CK describes them.

const tactics: Record<string, string> = {
  reconnaissance: 'TA0043', 'resource-development': 'TA0042', 'initial-access': 'TA0001', execution: 'TA0002', persistence: 'TA0003',
  'privilege-escalation': 'TA0004', 'defense-evasion': 'TA0005', 'credential-access': 'TA0006', discovery: 'TA0007', 'lateral-movement': 'TA0008',
  collection: 'TA0009', 'command-and-control': 'TA0011', exfiltration: 'TA0010', impact: 'TA0040',
};

/** tacticNames are the short names in the order of an attack. */
export const tacticNames: readonly string[] = Object.keys(tactics);

/** tacticLabel writes a short name for people: "Credential access". */
export function tacticLabel(name: string): string {
  const words = name.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** tacticID is the id of a tactic, or "". */
export const tacticID = (name: string): string => tactics[name] ?? '';

/** techniquePath is the path of a technique on attack.mitre.org, or undefined for what is no id. */
export function techniquePath(id: string): string | undefined {
  const [, main, sub] = /^(T\d{4})(?:\.(\d{3}))?$/.exec(id) ?? [];
  return main && `/techniques/${main}${sub ? `/${sub}` : ''}/`;
}

// What a new rule document begins with.

/** fresh is a rule to begin with. */
export const fresh = (id: string): string => `title: A name for what it detects
id: ${id}
status: experimental
description: >-
  What it means when this matches, and what to look at first.
author: ''
tags: [attack.execution, attack.t1059.004]
logsource: {product: linux, category: process_creation}
detection:
  selection:
    Image|endswith: /nc
    CommandLine|contains: ' -e '
  condition: selection
falsepositives:
  - Somebody who tests a connection.
level: medium
`;

const idLine = /^id:[ \t]*['"]?([0-9a-fA-F-]{36})['"]?[ \t]*$/gm;

/** copied is a file of rules to be changed: a rule that stands alone gets an id of its own, so that it is another rule. */
export function copied(text: string, id: string): string {
  const ids = [...text.matchAll(idLine)];
  return ids.length === 1 ? text.replace(idLine, `id: ${id}`) : text;
}

/** nameOf suggests the name of a document for a rule with a title. */
export function nameOf(title: string): string {
  const words = title.normalize('NFKD').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60).replace(/-+$/, '');
  return `${words || 'rule'}.yml`;
}

/** wrongName says what is wrong with the name of a document; "" for nothing. The server looks closer. */
export function wrongName(name: string): string {
  if (name === '') return 'Give the document a name.';
  if (!/\.ya?ml$/.test(name)) return 'The name ends with .yml, as that of a file.';
  if (name.startsWith('/') || name.split('/').some((part) => part === '' || part.startsWith('.'))) return 'The name is that of a file below a folder: web/shells.yml';
  return new TextEncoder().encode(name).length > 200 ? 'The name is longer than 200 bytes.' : '';
}

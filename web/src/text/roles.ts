// Which group of an OpenID provider gets which role, as people type it.
import { type Role, roles } from '../api/model';

/** parseRoles reads lines of value=role, and says in words what is wrong; "" for nothing. Values may hold "=" themselves. */
export function parseRoles(text: string): { roles: Record<string, Role>; wrong: string } {
  const found = new Map<string, Role>();
  for (const line of text.split('\n').map((l) => l.trim())) {
    if (line === '') continue;
    const at = line.lastIndexOf('=');
    const value = line.slice(0, Math.max(at, 0)).trim();
    const role = line.slice(at + 1).trim() as Role;
    if (value === '') return { roles: {}, wrong: `“${line}” is not of the form value=role.` };
    if (!roles.includes(role)) return { roles: {}, wrong: `“${role}” is no role; there are ${roles.join(', ')}.` };
    if (found.has(value)) return { roles: {}, wrong: `“${value}” is there twice.` };
    found.set(value, role);
  }
  return { roles: Object.fromEntries(found), wrong: '' };
}

/** writeRoles writes what parseRoles reads. */
export const writeRoles = (map: Record<string, Role>): string =>
  Object.entries(map)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([value, role]) => `${value}=${role}`)
    .join('\n');

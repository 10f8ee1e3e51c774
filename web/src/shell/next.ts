/**
 * nextPath returns the page to open after the login: a path of this console,
 * whatever an attacker wrote into the link.
 */
export function nextPath(asked: string | null): string {
  if (!asked || !asked.startsWith('/') || asked.startsWith('//') || asked.includes('\\') || asked.startsWith('/login')) {
    return '/';
  }
  try {
    const url = new URL(asked, 'https://console.invalid');
    return url.host === 'console.invalid' ? url.pathname + url.search + url.hash : '/';
  } catch {
    return '/';
  }
}

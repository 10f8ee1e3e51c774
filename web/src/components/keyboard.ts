import { useEffect, useRef } from 'react';

/** typing reports whether keys belong to what is focused: a field, a menu, a dialog. */
export function typing(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest('input:not([type="checkbox"]), textarea, select, [contenteditable], [role="dialog"], [role="menu"], [role="listbox"]') !== null
  );
}

/**
 * useKeys calls the handler of a pressed key ("j", "Enter", "?") unless
 * somebody is typing or holds a modifier. A handler that returns false leaves
 * the key to the browser.
 */
export function useKeys(handlers: Record<string, (e: KeyboardEvent) => void | boolean>): void {
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useEffect(() => {
    const listen = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || typing(e.target)) return;
      const handler = latest.current[e.key];
      if (handler && handler(e) !== false) e.preventDefault();
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, []);
}

const patience = 1200; // milliseconds between "g" and the page's letter

/** useGoKeys opens a page by "g" and its letter. */
export function useGoKeys(pages: Record<string, () => void>): void {
  const latest = useRef(pages);
  const pressed = useRef(0);
  useEffect(() => {
    latest.current = pages;
  });
  useEffect(() => {
    const listen = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target)) return;
      const page = Date.now() - pressed.current < patience ? latest.current[e.key] : undefined;
      pressed.current = e.key === 'g' ? Date.now() : 0;
      if (page) {
        e.preventDefault();
        page();
      }
    };
    // Before the page's own keys, one of which may be the same letter.
    window.addEventListener('keydown', listen, { capture: true });
    return () => window.removeEventListener('keydown', listen, { capture: true });
  }, []);
}

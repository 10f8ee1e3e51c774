import { CloseButton } from '@mantine/core';
import { type ReactNode, createContext, useCallback, useContext, useMemo, useRef, useState } from 'react';
import css from './toast.module.css';

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  undo?: (() => void) | undefined;
}

interface Toasts {
  /** say shows a sentence for some seconds; undo adds a button. */
  say: (text: string, undo?: () => void) => void;
  /** complain shows what went wrong until it is closed. */
  complain: (error: unknown) => void;
}

const Context = createContext<Toasts>({ say: () => {}, complain: () => {} });

export const useToast = () => useContext(Context);

const seconds = 7;
const most = 4;

/** Toaster shows what happened in the corner, and says it to screen readers. */
export function Toaster({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const next = useRef(0);
  const close = useCallback((id: number) => setToasts((all) => all.filter((t) => t.id !== id)), []);
  const add = useCallback(
    (text: string, bad: boolean, undo?: () => void) => {
      const id = next.current++;
      setToasts((all) => [...all.slice(1 - most), { id, text, bad, undo }]);
      if (!bad) setTimeout(() => close(id), seconds * 1000);
    },
    [close],
  );
  const value = useMemo<Toasts>(
    () => ({
      say: (text, undo) => add(text, false, undo),
      complain: (error) => add(error instanceof Error ? error.message : String(error), true),
    }),
    [add],
  );
  return (
    <Context.Provider value={value}>
      {children}
      <div className={css.stack} role="status" aria-live="polite">
        {toasts.map((t) => (
          <div key={t.id} className={css.toast} data-bad={t.bad || undefined}>
            <span className={css.text}>{t.text}</span>
            {t.undo && (
              <button
                type="button"
                className={css.undo}
                onClick={() => {
                  t.undo?.();
                  close(t.id);
                }}
              >
                Undo
              </button>
            )}
            <CloseButton size="sm" aria-label="Close message" onClick={() => close(t.id)} />
          </div>
        ))}
      </div>
    </Context.Provider>
  );
}

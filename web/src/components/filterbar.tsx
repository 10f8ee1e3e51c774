import { Button, Checkbox, CloseButton, Popover, TextInput } from '@mantine/core';
import { IconChevronDown, IconSearch, IconX } from '@tabler/icons-react';
import { type ReactNode, type Ref, useEffect, useState } from 'react';
import { visible } from '../text/safe';
import { Count } from './count';
import css from './filterbar.module.css';

/** Option is a value that a facet can be narrowed to. */
export interface Option {
  value: string;
  label: string;
  /** How it is drawn, where that is more than its label. */
  mark?: ReactNode;
  count?: number;
  /** There may be more than count. */
  more?: boolean | undefined;
}

/** Choice is a filter with a list of values. */
export interface Choice {
  key: string;
  label: string;
  options: readonly Option[];
  values: readonly string[];
  /** Values besides those listed may be typed. */
  free?: boolean;
}

interface Props {
  text: string;
  placeholder: string;
  onText: (text: string) => void;
  choices: readonly Choice[];
  onToggle: (key: string, value: string) => void;
  onClear?: (() => void) | undefined;
  searchRef?: Ref<HTMLInputElement>;
  children?: ReactNode;
}

/** FilterBar narrows a list; what it shows is what the URL says. */
export function FilterBar(props: Props) {
  return (
    <div className={css.bar} role="search">
      <Search text={props.text} placeholder={props.placeholder} onText={props.onText} {...(props.searchRef ? { inputRef: props.searchRef } : {})} />
      {props.choices.map((c) => (
        <ChoiceButton key={c.key} choice={c} onToggle={props.onToggle} />
      ))}
      {props.children}
      {props.onClear && (
        <Button variant="subtle" color="gray" leftSection={<IconX size={14} aria-hidden />} onClick={props.onClear}>
          Clear
        </Button>
      )}
    </div>
  );
}

const pause = 250; // milliseconds after the last key before the list follows

function Search({ text, placeholder, onText, inputRef }: { text: string; placeholder: string; onText: (t: string) => void; inputRef?: Ref<HTMLInputElement> }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed.trim() === text) return;
    const timer = setTimeout(() => onText(typed.trim()), pause);
    return () => clearTimeout(timer);
  }, [typed, text, onText]);
  return (
    <TextInput
      {...(inputRef ? { ref: inputRef } : {})}
      className={css.search ?? ''}
      type="search"
      aria-label={placeholder}
      placeholder={placeholder}
      leftSection={<IconSearch size={15} aria-hidden />}
      rightSection={typed ? <CloseButton size="xs" aria-label="Clear search" onClick={() => setTyped('')} /> : null}
      value={typed}
      maxLength={256}
      onChange={(e) => setTyped(e.currentTarget.value)}
      onKeyDown={(e) => {
        if (e.key === 'Enter') onText(typed.trim());
        if (e.key !== 'Escape') return;
        e.preventDefault(); // browsers would clear the field
        e.currentTarget.blur();
      }}
    />
  );
}

function ChoiceButton({ choice, onToggle }: { choice: Choice; onToggle: (key: string, value: string) => void }) {
  const [open, setOpen] = useState(false);
  const [wanted, setWanted] = useState('');
  const names = new Map(choice.options.map((o) => [o.value, o.label]));
  // Values from the URL stay visible, also where the server does not list them.
  const extra = choice.values.filter((v) => !names.has(v)).map((value): Option => ({ value, label: value }));
  const all = [...extra, ...choice.options];
  const shown = all.filter((o) => `${o.label} ${o.value}`.toLowerCase().includes(wanted.toLowerCase())).slice(0, 200);
  const chosen = choice.values.map((v) => visible(names.get(v) ?? v));
  const summary = chosen.length > 2 ? `${chosen.length} selected` : chosen.join(', ');
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          className={css.choice ?? ''}
          data-active={chosen.length > 0 || undefined}
          rightSection={<IconChevronDown size={14} aria-hidden />}
          onClick={() => setOpen(!open)}
        >
          {choice.label}
          {summary && <span className={css.summary}>{summary}</span>}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={css.dropdown ?? ''} aria-label={choice.label}>
        {(all.length > 8 || choice.free) && (
          <TextInput
            aria-label={`Find in ${choice.label}`}
            placeholder={choice.free ? 'Find or type' : 'Find'}
            value={wanted}
            onChange={(e) => setWanted(e.currentTarget.value)}
            mb={6}
            data-autofocus
            onKeyDown={(e) => {
              if (e.key !== 'Enter' || wanted.trim() === '') return;
              const only = shown.length === 1 ? shown[0]?.value : choice.free ? wanted.trim() : undefined;
              if (only) {
                onToggle(choice.key, only);
                setWanted('');
              }
            }}
          />
        )}
        <div className={css.options} role="group" aria-label={choice.label}>
          {shown.map((o) => (
            <Checkbox
              key={o.value}
              checked={choice.values.includes(o.value)}
              onChange={() => onToggle(choice.key, o.value)}
              label={
                <span className={css.option}>
                  {o.mark ?? visible(o.label)}
                  {o.count !== undefined && (
                    <span className={css.count}>
                      <Count n={o.count} more={o.more} />
                    </span>
                  )}
                </span>
              }
            />
          ))}
          {shown.length === 0 && <span className={css.none}>{choice.free && wanted ? 'Press Enter to use this value.' : 'Nothing to choose from.'}</span>}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

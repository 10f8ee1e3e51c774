import { Skeleton, TextInput } from '@mantine/core';
import { type ReactNode, useId, useState } from 'react';
import { type HuntField, useHuntFields } from '../../api/hunt';
import { Panel } from '../../components/page';
import { ErrorState } from '../../components/states';
import css from './hunt.module.css';
import { examples } from './examples';

const mostShown = 200;

/** FieldReference lists what queries are made of; a click writes it at the caret. */
export function FieldReference({ onInsert }: { onInsert: (text: string) => void }) {
  const fields = useHuntFields();
  const [wanted, setWanted] = useState('');
  const text = wanted.trim().toLowerCase();
  const fits = (...words: readonly string[]) => text === '' || words.join(' ').toLowerCase().includes(text);
  const { items = [], sources = [], operators = [], functions = [] } = fields.data ?? {};
  const shown = items.filter((f) => fits(f.name, ...f.aliases, f.doc)).slice(0, mostShown);
  return (
    <Panel title="Reference">
      <TextInput type="search" aria-label="Find in the reference" placeholder="Find a field, stage or function" value={wanted} onChange={(e) => setWanted(e.currentTarget.value)} />
      {fields.isPending && <Skeleton height={300} mt={10} />}
      {fields.isError && <ErrorState error={fields.error} retry={() => void fields.refetch()} />}
      {fields.data && (
        <div className={css.reference} tabIndex={0} role="group" aria-label="Words of the language">
          <Words title="Fields">
            {shown.map((f) => (
              <Entry key={f.name} name={f.name} kind={kindOf(f)} doc={f.doc} onInsert={() => onInsert(f.name)} />
            ))}
          </Words>
          <Words title="Sources">{sources.filter((w) => fits(w.name, w.doc)).map((w) => <Entry key={w.name} name={w.name} doc={w.doc} onInsert={() => onInsert(w.name)} />)}</Words>
          <Words title="Stages, behind |">{operators.filter((w) => fits(w.name, w.doc)).map((w) => <Entry key={w.name} name={w.name} doc={w.doc} onInsert={() => onInsert(`| ${w.name} `)} />)}</Words>
          <Words title="Functions">{functions.filter((w) => fits(w.name, w.usage, w.doc)).map((w) => <Entry key={w.name} name={w.usage || w.name} kind={w.aggregate ? 'summarize' : ''} doc={w.doc} onInsert={() => onInsert(`${w.name}(`)} />)}</Words>
        </div>
      )}
    </Panel>
  );
}

const kindOf = (f: HuntField) => [f.type, f.classes.length > 0 && f.classes.length <= 3 ? f.classes.join(', ') : '', f.aliases.length > 0 ? `or ${f.aliases.join(', ')}` : ''].filter(Boolean).join(' · ');

function Words({ title, children }: { title: string; children: ReactNode[] }) {
  const id = useId();
  if (children.length === 0) return null;
  return (
    <section aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      <ul>{children}</ul>
    </section>
  );
}

function Entry({ name, kind, doc, onInsert }: { name: string; kind?: string; doc: string; onInsert: () => void }) {
  return (
    <li>
      <button type="button" className={css.word} onClick={onInsert} aria-label={`Write ${name} into the query`}>
        {name}
      </button>
      {kind && <span className={css.kind}>{kind}</span>}
      <span className={css.doc}>{doc}</span>
    </li>
  );
}

/** Examples are queries to begin with. */
export function Examples({ onChoose }: { onChoose: (query: string) => void }) {
  return (
    <Panel title="Questions to begin with">
      <p className={css.lead}>
        A query begins with the kind of events, and goes on in stages behind <code>|</code>: keep some, count them, order them. Choose one and change it.
      </p>
      <ul className={css.examples}>
        {examples.map((e) => (
          <li key={e.words}>
            <button type="button" className={css.example} onClick={() => onChoose(e.query)}>
              <b>{e.words}</b>
              <code>{e.query}</code>
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

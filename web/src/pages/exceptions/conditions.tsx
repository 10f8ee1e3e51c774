import { ActionIcon, Button, Pill, Select, TagsInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { Fragment } from 'react';
import type { Condition } from '../../api/model';
import { type TypedCondition, fieldNames, newCondition, opWords } from '../../text/exceptions';
import { first } from '../../text/numbers';
import { fold, visible } from '../../text/safe';
import css from './form.module.css';

type Field = Condition['field'];
type Op = Condition['op'];

const most = 32; // conditions of an exception

const fields = Object.entries(fieldNames).map(([value, label]) => ({ value, label: first(label) }));

// "is" and "is not" are chosen together, as one word.
const ops = Object.entries(opWords).flatMap(([op, [is, not]]) => [{ value: op, label: is }, { value: `!${op}`, label: not }]);

/** Conditions says what an alert must say to be hidden: all of them must hold. */
export function Conditions({ value, onChange, disabled }: { value: readonly TypedCondition[]; onChange: (all: TypedCondition[]) => void; disabled: boolean }) {
  const change = (id: number, part: Partial<TypedCondition>) => onChange(value.map((c) => (c.id === id ? { ...c, ...part } : c)));
  return (
    <div className={css.conditions}>
      {value.map((c, i) => (
        <Fragment key={c.id}>
          {i > 0 && <span className={css.and}>and</span>}
          <Row condition={c} number={i + 1} disabled={disabled} onChange={(part) => change(c.id, part)} onRemove={() => onChange(value.filter((o) => o.id !== c.id))} />
        </Fragment>
      ))}
      {!disabled && (
        <Button variant="default" leftSection={<IconPlus size={14} aria-hidden />} disabled={value.length >= most} onClick={() => onChange([...value, newCondition(unused(value))])}>
          Add a condition
        </Button>
      )}
    </div>
  );
}

/** unused is the first field that no condition names. */
const unused = (all: readonly TypedCondition[]): Field => (fields.find((f) => !all.some((c) => c.field === f.value))?.value ?? 'process.executable') as Field;

interface RowProps {
  condition: TypedCondition;
  number: number;
  disabled: boolean;
  onChange: (part: Partial<TypedCondition>) => void;
  onRemove: () => void;
}

function Row({ condition: { field, op, values, not }, number, disabled, onChange, onRemove }: RowProps) {
  const hint = op === 'matches' ? 'The whole text, with * for anything and ? for one character.' : op === 'cidr' ? 'A network such as 10.0.0.0/8.' : '';
  return (
    <div className={css.condition} role="group" aria-label={`Condition ${number}`}>
      <Select aria-label="What of the alert" className={css.field ?? ''} data={fields} value={field} disabled={disabled} searchable allowDeselect={false} onChange={(v) => v && onChange({ field: v as Field })} />
      <Select
        aria-label="How it compares"
        className={css.op ?? ''}
        data={ops}
        value={not ? `!${op}` : op}
        disabled={disabled}
        allowDeselect={false}
        onChange={(v) => v && onChange({ op: v.replace('!', '') as Op, not: v.startsWith('!') })}
      />
      <TagsInput
        aria-label="With which values"
        className={css.values ?? ''}
        size="xs"
        placeholder={values.length === 0 ? 'A value, then Enter; any of several' : ''}
        splitChars={['\n']}
        acceptValueOnBlur
        maxTags={64}
        value={values}
        disabled={disabled}
        onChange={(v) => onChange({ values: v })}
        description={hint || undefined}
        clearable={false}
        // A value may be a host's own text.
        renderPill={({ value: v = '', onRemove: remove, disabled: off }) => (
          <Pill size="xs" className={css.pill ?? ''} withRemoveButton={!off} {...(remove ? { onRemove: remove } : {})}>
            {visible(fold(v, 600))}
          </Pill>
        )}
      />
      {!disabled && (
        <ActionIcon aria-label={`Remove condition ${number}`} onClick={onRemove}>
          <IconTrash size={15} />
        </ActionIcon>
      )}
    </div>
  );
}

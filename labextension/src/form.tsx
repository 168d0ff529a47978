/** The run form: one field for each parameter of a pipeline. */
import * as React from 'react';
import type { Entry, Field } from './forms';
import type { FormState } from './model';

export interface RunFormProps {
  pipeline: string;
  form: FormState;
  onType: (field: string, text: string, none: boolean) => void;
  onRun: () => void;
  onClose: () => void;
}

export function RunForm(props: RunFormProps): React.ReactElement {
  const { form, pipeline } = props;
  const box = React.useRef<HTMLFormElement>(null);
  const { attempts } = form;
  React.useEffect(() => {
    // Typing goes on in the first field when the form opens, and in the first wrong one after a refusal.
    const target = attempts === 0 ? 'input, select, textarea, button' : '[aria-invalid="true"]';
    box.current?.querySelector<HTMLElement>(target)?.focus();
  }, [attempts]);
  return (
    <form
      ref={box}
      className="dcai-form"
      aria-label={`Run ${pipeline}`}
      noValidate
      onSubmit={event => {
        event.preventDefault();
        props.onRun();
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          props.onClose();
        }
      }}
    >
      {form.fields.length === 0 && <p className="dcai-hint">This pipeline has no parameters.</p>}
      {form.fields.map(field => (
        <FormField
          key={field.name}
          id={`dcai-${pipeline}-${field.name}`}
          field={field}
          entry={form.entries[field.name] ?? { text: '', none: false }}
          error={form.errors[field.name] ?? ''}
          onType={(text, none) => props.onType(field.name, text, none)}
        />
      ))}
      {form.message !== '' && (
        <p className="dcai-error" role="alert">
          {form.message}
        </p>
      )}
      <div className="dcai-actions">
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={form.sending}>
          {form.sending ? 'Starting…' : 'Start run'}
        </button>
        <button type="button" className="jp-mod-styled jp-mod-reject" onClick={props.onClose}>
          Close
        </button>
      </div>
    </form>
  );
}

interface FieldProps {
  id: string;
  field: Field;
  entry: Entry;
  error: string;
  onType: (text: string, none: boolean) => void;
}

function FormField(props: FieldProps): React.ReactElement {
  const { id, field, entry, error, onType } = props;
  const described = [field.help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  const common = {
    id,
    disabled: field.readOnly || entry.none,
    'aria-invalid': error !== '',
    'aria-required': field.required,
    'aria-describedby': described
  };
  return (
    <div className="dcai-field">
      <div className="dcai-label">
        <label htmlFor={id}>{field.name}</label>
        <span className="dcai-type">{field.type}</span>
        {field.nullable && (
          <label className="dcai-none">
            <input
              type="checkbox"
              checked={entry.none}
              disabled={field.readOnly}
              aria-label={`${field.name} is None`}
              onChange={event => onType(entry.text, event.target.checked)}
            />
            None
          </label>
        )}
      </div>
      <Control field={field} entry={entry} common={common} onType={text => onType(text, false)} />
      {field.help !== '' && (
        <div id={`${id}-help`} className="dcai-hint">
          {field.help}
        </div>
      )}
      {error !== '' && (
        <div id={`${id}-error`} className="dcai-error" role="alert">
          {error}
        </div>
      )}
    </div>
  );
}

interface ControlProps {
  field: Field;
  entry: Entry;
  common: { id: string; disabled: boolean };
  onType: (text: string) => void;
}

function Control({ field, entry, common, onType }: ControlProps): React.ReactElement {
  switch (field.kind) {
    case 'boolean':
      return (
        <span className="dcai-check">
          <input
            {...common}
            type="checkbox"
            checked={entry.text === 'true'}
            onChange={event => onType(String(event.target.checked))}
          />
          <span aria-hidden="true">{entry.none ? 'None' : entry.text === 'true' ? 'True' : 'False'}</span>
        </span>
      );
    case 'choice':
      return (
        <select {...common} value={entry.text} onChange={event => onType(event.target.value)}>
          {(field.initial === null || entry.text === '') && <option value="">Choose…</option>}
          {field.choices.map(choice => (
            <option key={choice.json} value={choice.json}>
              {choice.label}
            </option>
          ))}
        </select>
      );
    case 'json':
      return (
        <textarea
          {...common}
          rows={2}
          spellCheck={false}
          placeholder="JSON"
          value={entry.text}
          onChange={event => onType(event.target.value)}
        />
      );
    default:
      return (
        <input
          {...common}
          type={inputType(field)}
          inputMode={field.kind === 'integer' ? 'numeric' : field.kind === 'number' ? 'decimal' : undefined}
          autoComplete={field.secret ? 'off' : undefined}
          spellCheck={false}
          value={entry.text}
          onChange={event => onType(event.target.value)}
        />
      );
  }
}

/** Numbers are typed as text: a browser's number field hides what it does not understand. */
function inputType(field: Field): string {
  if (field.secret) {
    return 'password';
  }
  return field.schema.format === 'date' ? 'date' : 'text';
}

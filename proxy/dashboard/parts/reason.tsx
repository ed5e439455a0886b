import type { JSX } from "preact";
import { useId } from "preact/hooks";

/** As the API takes it: 3 to 500 characters. */
export function ReasonField({
  value,
  onInput,
  required,
}: {
  readonly value: string;
  readonly onInput: (text: string) => void;
  readonly required: boolean;
}): JSX.Element {
  const id = useId();
  return (
    <div class="grow">
      <label for={id}>Reason, kept in the audit{required ? "" : " (may be left out)"}</label>
      <input
        id={id}
        type="text"
        minLength={3}
        maxLength={500}
        required={required}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </div>
  );
}

import type { ComponentChildren, JSX } from "preact";
import type { Refused } from "../client.ts";

export type Tone = "good" | "mild" | "warn" | "bad" | "none";

const MARKS: Readonly<Record<Tone, string>> = { good: "✓", mild: "i", warn: "!", bad: "✕", none: "–" };

/** Colour never says it alone. */
export function Mark({ tone }: { readonly tone: Tone }): JSX.Element {
  return (
    <span class={`mark tone-${tone}`} aria-hidden="true">
      {MARKS[tone]}
    </span>
  );
}

export function Notice({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }): JSX.Element {
  return (
    <p class={`notice tone-${tone}`}>
      <Mark tone={tone} />
      <span>{children}</span>
    </p>
  );
}

/** An answer that did not come: in the API's words, while what was there before stays. */
export function Problem({ of, what }: { readonly of: Refused | null; readonly what: string }): JSX.Element | null {
  if (of === null) return null;
  return (
    <div role="alert">
      <Notice tone="bad">
        {what}: {of.message}
      </Notice>
    </div>
  );
}

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }): JSX.Element {
  return <span class={`badge tone-${tone}`}>{children}</span>;
}

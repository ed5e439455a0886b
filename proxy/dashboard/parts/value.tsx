import type { JSX } from "preact";
import { printable } from "../../controls.ts";
import { spansOf } from "../spans.ts";

const WHY = "Redacted before it was kept. Equal stand-ins stand for equal values.";

/** A value as it was, beside the other side's: what is apart is marked, and what is redacted is said to be. */
export function Value({ text, beside }: { readonly text: string | null; readonly beside: string | null }): JSX.Element {
  if (text === null) return <em class="quiet">absent</em>;
  return (
    <code class="value">
      <bdi>
        {spansOf(text, beside).map(({ text: span, kind }, i) => {
          if (kind === "same") return printable(span);
          if (kind === "apart") return <mark key={i}>{printable(span)}</mark>;
          return (
            <span key={i} class="redacted" title={WHY}>
              {span.slice(1, -1)}
            </span>
          );
        })}
      </bdi>
    </code>
  );
}

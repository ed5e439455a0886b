import type { JSX } from "preact";
import { useState } from "preact/hooks";

/** Puts a text where it can be pasted from, and says whether that worked. */
export function CopyButton({ name, text }: { readonly name: string; readonly text: string }): JSX.Element {
  const [said, setSaid] = useState("");
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setSaid("copied"),
      () => setSaid("this browser does not let pages copy here: mark the text and copy it"),
    );
    setTimeout(() => setSaid(""), 4_000);
  };
  return (
    <span class="copy">
      <button type="button" onClick={copy}>
        {name}
      </button>{" "}
      <span role="status" class="quiet">
        {said}
      </span>
    </span>
  );
}

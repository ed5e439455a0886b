import { CONTROLS } from "../controls.ts";

/** HTML that cannot be injected into: whatever stands in a template is escaped unless it is Html itself. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const BLANKS: ReadonlySet<string> = new Set(["\t", "\n", "\r"]);

type Part = Html | readonly Html[] | string | number;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** Also for attribute values in quotes. Control characters, which no document may hold, become U+FFFD. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"'`]/g, (c) => ESCAPES[c] as string)
    .replace(CONTROLS, (c) => (BLANKS.has(c) ? c : "\ufffd"));
}

export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] as string;
  parts.forEach((part, i) => {
    text += render(part) + (strings[i + 1] as string);
  });
  return new Html(text);
}

function render(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === "string") return escapeHtml(part);
  if (typeof part === "number") return String(part);
  return part.map((one) => one.text).join("");
}

import type { JSX } from "preact";
import { printable } from "../../controls.ts";
import { spellSpan } from "../../admin/sentences.ts";

/** A text of strangers: what could turn a line around or hide in it is shown as an escape, and it keeps to itself. */
export function Told({ text }: { readonly text: string }): JSX.Element {
  return <bdi>{printable(text)}</bdi>;
}

/** The same in the type of code. */
export function Code({ text }: { readonly text: string }): JSX.Element {
  return (
    <code>
      <Told text={text} />
    </code>
  );
}

/** `12:03:04 UTC`, and before today the date as well. */
export function spellTime(iso: string, now: number = Date.now()): string {
  const [day, time = ""] = iso.split("T");
  const clock = `${time.slice(0, 8)} UTC`;
  return day === new Date(now).toISOString().slice(0, 10) ? clock : `${day} ${clock}`;
}

/** When something was, and how long ago by the server's clock. */
export function When({ at, now }: { readonly at: string; readonly now?: number | null }): JSX.Element {
  const ago = now === undefined || now === null ? "" : ` (${spellSpan(Math.max(0, now - Date.parse(at)))} ago)`;
  return (
    <time dateTime={at} title={at}>
      {spellTime(at)}
      {ago}
    </time>
  );
}

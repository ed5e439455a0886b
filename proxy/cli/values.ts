/** `crossfade values`: what values of one service are at the other, as a table for other tools. */
import type { ListedValue } from "../ids/value-pairs.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { readPages } from "./pages.ts";
import { openTerminal } from "./terminal.ts";

export interface ValuesOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly kind?: string;
}

/** Comma-separated values (RFC 4180), a head first. Pairs that are secret, or the same on both sides, show no text. */
export async function runValues(options: ValuesOptions): Promise<ExitCode> {
  const terminal = openTerminal(options);
  const { kind, json = false } = options;
  if (!json) terminal.print("kind,legacy,next,note,held");
  for await (const pair of readPages<ListedValue>(await openApi(options), "/api/v1/values", { kind }, Infinity)) {
    terminal.print(json ? JSON.stringify(pair) : rowOf(pair));
  }
  return EXIT.done;
}

function rowOf({ kind, legacy, next, same, secret, held }: ListedValue): string {
  const note = secret ? "secret" : same ? "same" : "";
  return [kind, legacy ?? "", next ?? "", note, held ?? ""].map(quoted).join(",");
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** What an operator says of a group: `crossfade divergences ack | fixed | reopen`. */
import type { GroupDecision, GroupRecord } from "../evidence/evidence.ts";
import { spellSignature } from "../evidence/group-sentence.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { spellDecision } from "./divergence-text.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { openTerminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface DecideOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly reason?: string;
  readonly until?: string;
  readonly build?: string;
}

/** Exit 1: there is no such group. */
export async function runDecide(id: string, state: GroupDecision["state"], options: DecideOptions): Promise<ExitCode> {
  const { reason, until, build } = options;
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const group = await api.patch<GroupRecord>(`/api/v1/groups/${encodeURIComponent(id)}`, {
    state,
    reason,
    until,
    build,
  });
  if (group === null) {
    const way = "crossfade divergences groups lists those there are";
    throw new Exit(EXIT.no, `no group has the id ${JSON.stringify(id)}; ${way}`);
  }
  if (options.json === true) {
    terminal.print(JSON.stringify(group));
    return EXIT.done;
  }
  const what = printable(`${group.method} ${group.route}, ${spellSignature(group.signature)}`);
  const said = group.decision === null ? group.state : spellDecision(group.decision);
  terminal.print(`${group.id}  ${what}: ${said}`);
  return EXIT.done;
}

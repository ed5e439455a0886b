/** `crossfade instances [list | forget ID]`: the processes that use the store. */
import type { MemberView } from "../admin/member-view.ts";
import { spellSpan } from "../admin/sentences.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { table } from "./columns.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { readPages } from "./pages.ts";
import { openTerminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface InstancesOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
}

export interface ForgetOptions extends InstancesOptions {
  readonly reason: string;
}

export async function runInstances(options: InstancesOptions): Promise<ExitCode> {
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const members: MemberView[] = [];
  for await (const member of readPages<MemberView>(api, "/api/v1/members", {}, Infinity)) members.push(member);
  if (options.json === true) for (const member of members) terminal.print(JSON.stringify(member));
  else for (const line of formatMembers(members, Date.now(), terminal.width)) terminal.print(line);
  return EXIT.done;
}

/** Exit 1: there is no such member, or it is alive. */
export async function runForget(id: string, options: ForgetOptions): Promise<ExitCode> {
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const path = `/api/v1/members/${encodeURIComponent(id)}/forget`;
  const forgotten = await api.post<{ forgotten: string }>(path, { reason: options.reason });
  if (forgotten === null) {
    throw new Exit(EXIT.no, `no member has the id ${JSON.stringify(id)}; crossfade instances lists those there are`);
  }
  const words = `${printable(id)} is forgotten; where it comes back with its folder, it registers again`;
  terminal.print(options.json === true ? JSON.stringify(forgotten) : words);
  return EXIT.done;
}

/** Fits 80 columns. `now`: epoch ms. */
export function formatMembers(members: readonly MemberView[], now: number, width: number): readonly string[] {
  const columns = [
    { title: "member" },
    { title: "name", atMost: 14 },
    { title: "state", atMost: 8 },
    { title: "heard", atMost: 8 },
    { title: "settings", atMost: 8 },
    { title: "version" },
  ];
  const rows = members.map((member) => [
    printable(member.id),
    printable(member.name ?? `${member.host}:${member.pid}`),
    member.state,
    spellSpan(Math.max(0, now - Date.parse(member.heard))),
    printable(member.settings.digest),
    printable(member.version),
  ]);
  return table(columns, rows, width);
}

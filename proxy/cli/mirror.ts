/** `crossfade mirror on | off | unpin`: the kill switch, and what of one route is mirrored. */
import type { RouteView } from "../admin/route-view.ts";
import type { Override } from "../moves/overrides.ts";
import { spellShare } from "../config/units.ts";
import { type ApiOptions, openApi } from "./api.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { openTerminal, type Terminal } from "./terminal.ts";
import { printable } from "../controls.ts";

export interface MirrorOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly route?: string;
  readonly reads?: string;
  readonly dial?: string;
  readonly reason?: string;
}

export type MirrorState = "on" | "off" | "unpin";

/** Exit 1: there is no such route; 2: it cannot be switched so. */
export async function runMirror(state: MirrorState, options: MirrorOptions): Promise<ExitCode> {
  const { route, reads, dial, reason } = options;
  const api = await openApi(options);
  const terminal = openTerminal(options);
  if (route === undefined) {
    const ofOne = reads !== undefined ? "--reads" : dial !== undefined ? "--dial" : null;
    if (ofOne !== null) throw new Exit(EXIT.usage, `${ofOne} is about one route; name it with --route`);
    const enabled = state !== "off";
    const answer = await api.post<{ enabled: boolean; kept: boolean }>("/api/v1/mirror", { enabled, reason });
    if (answer === null) throw api.stranger();
    const words = enabled
      ? "the kill switch is off: routes mirror as the file and what is pinned say"
      : "mirroring is off for every route; shadows miss what is written from now on: crossfade mirror on";
    say(terminal, options, answer, words + (answer.kept ? "" : NOT_KEPT));
    return EXIT.done;
  }
  const back = state === "unpin";
  const changed = await api.patch<RouteView>(`/api/v1/routes/${encodeURIComponent(route)}`, {
    mirror: back ? null : state === "on",
    ...(back ? { reads: null, dial: null } : { reads, dial }),
    reason,
  });
  if (changed === null) {
    throw new Exit(EXIT.no, `no route is named ${JSON.stringify(route)}; crossfade status lists those there are`);
  }
  say(terminal, options, changed, spellMirror(changed));
  return EXIT.done;
}

const NOT_KEPT = "; the store could not keep it, so that a restart would forget it: crossfade status says why";

/** `users: writes are mirrored (pinned), 5% of reads (pinned)`, and what next answers where it answers any. */
function spellMirror({ name, mirror, reads, overrides }: RouteView): string {
  const pinned = (setting: Override["setting"]): string =>
    overrides.some((override) => override.setting === setting) ? " (pinned)" : " (as the file says)";
  const writes = `writes ${mirror.writes ? "are mirrored" : "are not mirrored"}${pinned("mirror")}`;
  const isDialled = reads.dialShare > 0 || overrides.some(({ setting }) => setting === "dial");
  const dialled = isDialled ? `; next answers ${spellShare(reads.dialShare)} of reads${pinned("dial")}` : "";
  return `${printable(name)}: ${writes}, ${spellShare(mirror.readShare)} of reads${pinned("reads")}${dialled}`;
}

function say(terminal: Terminal, { json }: MirrorOptions, value: unknown, words: string): void {
  terminal.print(json === true ? JSON.stringify(value) : words);
}

import type { IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { DivergenceRecord, GroupRecord } from "../evidence/evidence.ts";
import { nearestName } from "../config/nearest.ts";
import { type Api, type ApiOptions, openApi } from "./api.ts";
import {
  formatDivergence,
  formatDivergenceInFull,
  formatGroupInFull,
  formatGroups,
  type GroupInFull,
} from "./divergence-text.ts";
import { readEvents } from "../admin/event-stream.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { readPages } from "./pages.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

export interface ListOptions extends ApiOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly route?: string;
  readonly since?: string;
  readonly kind?: string;
  readonly at?: string;
  readonly outcome?: string;
  readonly group?: string;
  readonly state?: string;
  readonly limit?: number;
}

const DEFAULT_LIMIT = 20;
const RECONNECT_AFTER_MS = 2_000;

/** `crossfade divergences list`: the newest first. */
export async function runList(options: ListOptions): Promise<ExitCode> {
  const { route, since, kind, at, outcome, group, state, limit = DEFAULT_LIMIT } = options;
  const terminal = openTerminal(options);
  const api = await openApi(options);
  const read = readPages<DivergenceRecord>(
    api,
    "/api/v1/divergences",
    { route, since, kind, at, outcome, group, state },
    limit,
  );
  const { count, more } = await printAll(read, (record) => {
    if (options.json === true) terminal.print(JSON.stringify(record));
    else for (const line of formatDivergence(record, terminal.width, terminal.paint)) terminal.print(line);
  });
  if (options.json !== true) say(terminal, count, more, "divergences");
  if (count === 0) await sayWhoseRoute(api, terminal, route);
  return EXIT.done;
}

/** `crossfade divergences groups`: by cause. */
export async function runGroups(options: ListOptions): Promise<ExitCode> {
  const terminal = openTerminal(options);
  const { route, state, limit = DEFAULT_LIMIT } = options;
  const groups: GroupRecord[] = [];
  const api = await openApi(options);
  const read = readPages<GroupRecord>(api, "/api/v1/groups", { route, state }, limit);
  const { count, more } = await printAll(read, (group) => {
    if (options.json === true) terminal.print(JSON.stringify(group));
    else groups.push(group);
  });
  if (groups.length > 0) for (const line of formatGroups(groups, terminal.width, terminal.paint)) terminal.print(line);
  if (options.json !== true) say(terminal, count, more, "groups");
  if (count === 0) await sayWhoseRoute(api, terminal, route);
  return EXIT.done;
}

/** `crossfade divergences show ID`, of a divergence or of a group. */
export async function runShow(id: string, options: ListOptions): Promise<ExitCode> {
  const api = await openApi(options);
  const terminal = openTerminal(options);
  const { width, paint } = terminal;
  const divergence = await api.get<DivergenceRecord>(`/api/v1/divergences/${encodeURIComponent(id)}`);
  const group = divergence === null ? await api.get<GroupInFull>(`/api/v1/groups/${encodeURIComponent(id)}`) : null;
  const found = divergence ?? group;
  if (found === null) throw new Exit(EXIT.no, `no divergence and no group has the id ${JSON.stringify(id)}`);
  if (options.json === true) {
    terminal.print(JSON.stringify(found));
    return EXIT.done;
  }
  const lines =
    divergence !== null
      ? formatDivergenceInFull(divergence, width, paint)
      : group !== null
        ? formatGroupInFull(group, width, paint)
        : [];
  for (const line of lines) terminal.print(line);
  return EXIT.done;
}

/** `crossfade divergences tail`: as they are recorded, until Ctrl-C. Once connected, it connects again when it is cut off. */
export async function runTail(options: ListOptions): Promise<ExitCode> {
  const { route, kind, at, outcome, group } = options;
  const api = await openApi(options);
  const terminal = openTerminal(options);
  await sayWhoseRoute(api, terminal, route);
  const connect = (): Promise<IncomingMessage> => api.events("/api/v1/events", { route, kind, at, outcome, group });
  let stream = await connect();
  for (;;) {
    await follow(stream, terminal, options.json === true);
    terminal.complain(`${api.url} ended the stream; connecting again`);
    stream = await reconnect(connect);
  }
}

async function follow(stream: IncomingMessage, terminal: Terminal, json: boolean): Promise<void> {
  try {
    for await (const { event, data } of readEvents(stream)) {
      if (event === "missed")
        terminal.complain(`${(JSON.parse(data) as { count: number }).count} left out: too many to follow`);
      if (event !== "divergence") continue;
      if (json) {
        terminal.print(data);
        continue;
      }
      const record = JSON.parse(data) as DivergenceRecord;
      for (const line of formatDivergence(record, terminal.width, terminal.paint)) terminal.print(line);
    }
  } catch {
    // The connection broke: the same as its end.
  }
}

async function reconnect(connect: () => Promise<IncomingMessage>): Promise<IncomingMessage> {
  for (;;) {
    await pause(RECONNECT_AFTER_MS);
    try {
      return await connect();
    } catch (error) {
      if (!(error instanceof Exit)) throw error;
    }
  }
}

async function printAll<T>(
  items: AsyncGenerator<T, boolean>,
  print: (item: T) => void,
): Promise<{ readonly count: number; readonly more: boolean }> {
  let count = 0;
  for (;;) {
    const { done, value } = await items.next();
    if (done === true) return { count, more: value };
    print(value);
    count++;
  }
}

/** A route that is configured no more may have left something, so its name is no mistake; one that never was may be a slip. */
async function sayWhoseRoute(api: Api, terminal: Terminal, route: string | undefined): Promise<void> {
  if (route === undefined) return;
  const status = await api.get<{ readonly routes: readonly { readonly name: string }[] }>("/api/v1/status");
  const names = (status?.routes ?? []).map(({ name }) => name);
  if (names.includes(route)) return;
  const near = nearestName(route, names);
  const hint = near === null ? `there are ${names.join(", ")}` : `did you mean ${near}?`;
  terminal.complain(`--route: no route is called ${JSON.stringify(route)} now; ${hint}`);
}

function say(terminal: Terminal, count: number, more: boolean, what: string): void {
  if (count === 0) terminal.print(`No ${what}.`);
  else if (more) terminal.complain(`There are more than these ${count}; ask for more with --limit`);
}

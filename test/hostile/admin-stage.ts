/** Crossfade with an admin listener to attack: what it answers is taken from its own OpenAPI document. */
import assert from "node:assert/strict";
import http from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { type Cleanup, startBench } from "../support/crossfade.ts";
import { json } from "../support/service.ts";
import { until } from "../support/until.ts";

export const OPERATE = "operate-token-7f3a9c2e";
export const BODIES = "bodies-token-51d0b8aa";
export const READ = "read-token-e4c7f2b1";
/** In recorded evidence, and in nothing that a stranger may see. */
export const CANARY = "canary-8d41";

export type Role = "none" | "read" | "bodies" | "operate";

export interface Operation {
  readonly method: string;
  /** As the document writes it. */
  readonly path: string;
  /** With names and ids of things that are there. */
  readonly target: string;
  readonly role: Role;
  /** What the document asks for, as little of it as is valid; null where it takes none. */
  readonly body: string | null;
}

export interface Reply {
  /** 0: the connection was broken off without an answer. */
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

export interface Attack {
  readonly method?: string;
  readonly target: string;
  /** In place of the listener's own. */
  readonly host?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Buffer | null;
  /** On a connection of its own, which ends with the answer. */
  readonly alone?: true;
}

export interface AdminStage {
  readonly adminUrl: string;
  readonly operations: readonly Operation[];
  ask(attack: Attack): Promise<Reply>;
  /** All that an attack could have changed, and what both services were sent. */
  state(): Promise<unknown>;
  /** Requests that clients made through the proxy meanwhile, each answered as it ought to be. */
  served(): number;
}

const WRITE_EVERY_MS = 4;
/** Of writes: a backfill that says nothing for a minute is shown as silent. */
const BACKFILL_TELLS_EVERY = 500;

const ROUTES = `
routes: [{ name: users, match: { path: "/users/**" } }, { name: rest, match: { path: "/**" }, phase: legacy-only }]
collections:
  - name: users
    route: users
    source: { sqlite: ./legacy.db, table: users, key: id }
    target: { sqlite: ./next.db, table: users, key: id }
`;

/** `tokens: false`: on loopback whoever reaches it may do everything, and only foreign pages are kept out. */
export async function startAdminStage(t: Cleanup, { tokens }: { readonly tokens: boolean }): Promise<AdminStage> {
  const named = [
    `{ name: ops, role: operate, token: ${OPERATE} }`,
    `{ name: see, role: bodies, token: ${BODIES} }`,
    `{ name: look, role: read, token: ${READ} }`,
  ].join(", ");
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  let going = true;
  let client: Promise<void> | null = null;
  const failed: unknown[] = [];
  // Ended before what it asks.
  t.after(async () => {
    going = false;
    await client;
    agent.destroy();
    assert.deepEqual(failed, [], "the proxy goes on serving");
  });
  const bench = await startBench(t, {
    legacy: json(200, { name: CANARY, ok: true }),
    next: json(200, { name: `${CANARY}-of-next`, ok: true }),
    routes: ROUTES,
    ...(tokens ? { admin: `tokens: [${named}]` } : {}),
  });
  const { adminUrl } = bench.crossfade;
  const ask = (attack: Attack): Promise<Reply> => send(adminUrl, agent, attack);
  const asOperator = async <T>(target: string, body?: unknown): Promise<T> => {
    const headers = { authorization: `Bearer ${OPERATE}` };
    const attack: Attack =
      body === undefined
        ? { target, headers }
        : {
            method: "POST",
            target,
            headers: { ...headers, "content-type": "application/json" },
            body: JSON.stringify(body),
          };
    const { text } = await ask(attack);
    return JSON.parse(text) as T;
  };

  await bench.send("PUT", `/users/${CANARY}`, { name: CANARY });
  type Listed = { readonly items: readonly { readonly id: string }[] };
  const kept = ["divergences", "groups", "pairs"].map((list) => `/api/v1/${list}`);
  await until(async () =>
    (await Promise.all(kept.map((list) => asOperator<Listed>(list)))).every(({ items }) => items.length > 0),
  );
  // What can be paused, stopped, and lied about.
  const backfill = await asOperator<{ readonly id: string }>("/api/v1/running-jobs", {
    kind: "backfill",
    collection: "users",
  });
  const tellBackfill = (): Promise<unknown> =>
    asOperator(`/api/v1/running-jobs/${backfill.id}/progress`, { rows: 6_068, written: 6_068 });
  await tellBackfill();
  const idOf = async (list: string): Promise<string> => (await asOperator<Listed>(list)).items[0]?.id ?? "none";
  const ids: Readonly<Record<string, string>> = {
    divergences: await idOf("/api/v1/divergences"),
    groups: await idOf("/api/v1/groups"),
    members: await idOf("/api/v1/members"),
    jobs: backfill.id,
  };
  const operations = operationsOf(await asOperator<Document>("/api/v1/openapi.json"), ids);

  let sent = 0;
  client = (async () => {
    // To the route that is not mirrored: the evidence stays as it is, so that every change of it is an attack's.
    for (; going; sent++) {
      const { status, text } = await bench.send("PUT", "/steady", { n: sent });
      if (status !== 200 || !text.includes(CANARY)) failed.push({ sent, status, text });
      if (sent % BACKFILL_TELLS_EVERY === 0) await tellBackfill();
      await new Promise((resolve) => setTimeout(resolve, WRITE_EVERY_MS));
    }
  })();
  return {
    adminUrl,
    operations,
    ask,
    served: () => sent,
    async state() {
      const lists = ["audit", "jobs", "groups", "repairs", "gaps", "divergences", "pairs", "members"];
      const answers = await Promise.all(lists.map((list) => asOperator<Json>(`/api/v1/${list}`)));
      const { routes } = await asOperator<{ routes: readonly Json[] }>("/api/v1/status");
      await turn();
      const reached = [bench.legacy, bench.next].map(
        ({ seen }) => seen.filter(({ target }) => target !== "/steady").length,
      );
      const still = (name: string, value: unknown): unknown => (MOVING.has(name) ? undefined : value);
      return JSON.parse(JSON.stringify({ answers, routes, reached }, still)) as unknown;
    },
  };
}

/** Members of answers that change by themselves. */
const MOVING: ReadonlySet<string> = new Set(["heard", "heardAt", "trend"]);

type Json = Readonly<Record<string, unknown>>;

interface Document {
  readonly security: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface DescribedOperation {
  readonly security?: readonly Json[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

function operationsOf(document: Document, ids: Readonly<Record<string, string>>): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const schema = operation.requestBody?.content["application/json"].schema;
      return {
        method: method.toUpperCase(),
        path,
        target: path.replace(/(\w+)\/\{(\w+)\}/, (_, list: string) => `${list}/${ids[list] ?? "users"}`),
        role: roleOf(operation.security ?? document.security),
        body: schema === undefined ? null : JSON.stringify(exampleOf(schema, document)),
      };
    }),
  );
}

function roleOf(security: readonly Json[]): Role {
  const [role] = security.flatMap(({ bearer }) => (Array.isArray(bearer) ? (bearer as Role[]) : []));
  return role ?? "none";
}

function exampleOf(schema: Schema, document: Document): unknown {
  if (schema.$ref !== undefined) {
    const named = document.components.schemas[schema.$ref.split("/").pop() ?? ""];
    assert.ok(named !== undefined, schema.$ref);
    return exampleOf(named, document);
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [first] = schema.anyOf ?? [];
  if (first !== undefined) return exampleOf(first, document);
  if (schema.type === "boolean") return false;
  if (schema.type === "integer" || schema.type === "number") return 1;
  if (schema.type === "array") return schema.items === undefined ? [] : [exampleOf(schema.items, document)];
  if (schema.type !== "object") return "users";
  const { required = [], properties = {} } = schema;
  return Object.fromEntries(
    required.flatMap((name) => {
      const member = properties[name];
      return member === undefined ? [] : [[name, exampleOf(member, document)]];
    }),
  );
}

function send(base: string, agent: http.Agent, attack: Attack): Promise<Reply> {
  const { method = "GET", target, host, headers = {}, body = null } = attack;
  const url = new URL(base);
  return new Promise((resolve) => {
    const request = http.request({
      agent: attack.alone === true ? false : agent,
      host: url.hostname,
      port: url.port,
      method,
      path: target,
      setHost: false,
      headers: { host: host ?? url.host, ...headers },
    });
    let answered = false;
    request.on("response", (answer) => {
      answered = true;
      let text = "";
      const done = (): void => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
        if (attack.alone === true) answer.socket.destroy();
      };
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
        // An event stream does not end by itself.
        if (!String(answer.headers["content-type"]).startsWith("text/event-stream")) return;
        done();
        request.destroy();
      });
      answer.on("end", done);
      answer.on("error", done);
    });
    // An answer to a body that was not read can be lost with the connection (RFC 9112, 9.6).
    request.on("error", () => {
      setTimeout(() => answered || resolve({ status: 0, headers: {}, text: "" }), 200).unref();
    });
    request.end(body ?? undefined);
  });
}

/** Talking to the admin listener of a running Crossfade. */
import { existsSync } from "node:fs";
import type { IncomingMessage, RequestOptions } from "node:http";
import { json } from "node:stream/consumers";
import { EXIT, Exit, Refused } from "./exit.ts";

export const DEFAULT_CONFIG = "crossfade.yaml";
const DEFAULT_ADMIN = "http://127.0.0.1:9090";
const TIMEOUT_MS = 15_000;
const WORK_TIMEOUT_MS = 15 * 60_000;

/** Options that every command which asks a running Crossfade takes. */
export interface ApiOptions {
  readonly config?: string;
  readonly admin?: string;
  readonly token?: string;
}

export class Api {
  readonly url: string;
  private readonly token: string | null;

  constructor(url: string, token: string | null) {
    this.url = url;
    this.token = token;
  }

  /**
   * The JSON of `path` with `query`; undefined values are left out. null: 404.
   * @throws Exit, saying what to do
   */
  async get<T>(path: string, query: Query = {}): Promise<T | null> {
    return this.read<T>(await this.ask(path, query, { signal: AbortSignal.timeout(TIMEOUT_MS) }));
  }

  /**
   * What `path` answers to the change. null: 404.
   * @throws Exit, saying what to do
   */
  async patch<T>(path: string, change: unknown): Promise<T | null> {
    const body = JSON.stringify(change);
    return this.read<T>(await this.ask(path, {}, { method: "PATCH", body, signal: AbortSignal.timeout(TIMEOUT_MS) }));
  }

  /**
   * What `path` answers once it has done what it was asked to, which may take minutes. null: 404.
   * @throws Exit, saying what to do
   */
  async post<T>(path: string, order: unknown, timeoutMs = WORK_TIMEOUT_MS): Promise<T | null> {
    const body = JSON.stringify(order);
    return this.read<T>(await this.ask(path, {}, { method: "POST", body, signal: AbortSignal.timeout(timeoutMs) }));
  }

  private async read<T>(answer: IncomingMessage): Promise<T | null> {
    const status = answer.statusCode ?? 0;
    const body = await this.jsonOf(answer);
    if (status === 404) return null;
    // It was understood, and the answer is no.
    if (status === 409) throw new Refused(detailOf(body), body);
    if (status === 400) throw new Exit(EXIT.usage, detailOf(body));
    if (status !== 200) throw new Exit(EXIT.failed, `${this.url} answered ${status}: ${detailOf(body)}`);
    return body as T;
  }

  /**
   * The event stream at `path`; it ends with the listener.
   * @throws Exit, saying what to do
   */
  async events(path: string, query: Query): Promise<IncomingMessage> {
    const answer = await this.ask(path, query);
    if (answer.statusCode === 200) return answer;
    const body = await this.jsonOf(answer);
    throw new Exit(answer.statusCode === 400 ? EXIT.usage : EXIT.failed, detailOf(body));
  }

  private async ask(
    path: string,
    query: Query,
    { signal, body, method = "GET" }: Asking = {},
  ): Promise<IncomingMessage> {
    const target = new URL(path, this.url);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    let answer: IncomingMessage;
    try {
      const headers: Record<string, string> = {
        ...(this.token === null ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      };
      answer = await send(target, { method, headers, ...(signal === undefined ? {} : { signal }) }, body);
    } catch (error) {
      throw new Exit(
        EXIT.failed,
        `cannot reach ${this.url} (${whyUnreachable(error)}); is crossfade running? Name another with --admin URL`,
      );
    }
    if (answer.statusCode !== 401) return answer;
    answer.destroy();
    const known = this.token === null ? "asks for a token" : "does not know this token";
    throw new Exit(EXIT.failed, `${this.url} ${known}; give one with --token or CROSSFADE_TOKEN`);
  }

  private async jsonOf(answer: IncomingMessage): Promise<unknown> {
    try {
      if (String(answer.headers["content-type"]).includes("json")) return await json(answer);
    } catch (error) {
      throw new Exit(EXIT.failed, `${this.url} broke off its answer (${whyUnreachable(error)})`);
    }
    answer.destroy();
    throw this.stranger();
  }

  /** Something answers there, but not what was asked for. */
  stranger(): Exit {
    return new Exit(EXIT.failed, `${this.url} is not Crossfade's admin listener; name it with --admin URL`);
  }
}

// node:http and not fetch, which refuses the ports of the Fetch standard's list (6000, 10080, …), and not undici, whose
// import takes longer than everything else here (0.1 s).
async function send(target: URL, options: RequestOptions, body?: string): Promise<IncomingMessage> {
  const { request } = target.protocol === "https:" ? await import("node:https") : await import("node:http");
  return new Promise((resolve, reject) => {
    request(target, { ...options, agent: false }, resolve)
      .on("error", reject)
      .end(body);
  });
}

interface Asking {
  readonly signal?: AbortSignal;
  readonly method?: "GET" | "PATCH" | "POST";
  /** JSON. */
  readonly body?: string;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** --admin, else CROSSFADE_ADMIN, else what the config file says, else the default; the same for the token. */
export async function openApi(options: ApiOptions, env: NodeJS.ProcessEnv = process.env): Promise<Api> {
  const named = options.token ?? nonEmpty(env["CROSSFADE_TOKEN"]) ?? null;
  const admin = options.admin ?? (options.config === undefined ? nonEmpty(env["CROSSFADE_ADMIN"]) : undefined);
  if (admin !== undefined) return new Api(adminUrl(admin), named);
  const file = options.config ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : null);
  if (file === null) return new Api(DEFAULT_ADMIN, named);
  const { loadSettings } = await import("../config/load.ts");
  // Whoever looks at the status need not be allowed to read the keys of the proxy.
  const loaded = loadSettings({ file, flags: {}, env, forTraffic: false });
  if (!loaded.ok) {
    const { formatConfigMessage } = await import("../config/message.ts");
    const lines = loaded.errors.map((error) => formatConfigMessage(error));
    throw new Exit(
      EXIT.no,
      [...lines, `${file} does not say where the admin listener is; name it with --admin URL`].join("\n"),
    );
  }
  const { listen, tokens } = loaded.settings.admin;
  const { spellEndpoint } = await import("../endpoint.ts");
  const host = listen.host === "0.0.0.0" ? "127.0.0.1" : listen.host === "::" ? "::1" : listen.host;
  return new Api(`http://${spellEndpoint({ host, port: listen.port })}`, named ?? tokens[0]?.token ?? null);
}

function adminUrl(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Exit(EXIT.usage, `--admin is ${JSON.stringify(text)}, which is no URL; write http://127.0.0.1:9090`);
  }
  return url.origin;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function detailOf(body: unknown): string {
  if (typeof body === "object" && body !== null && "detail" in body && typeof body.detail === "string")
    return body.detail;
  return "no reason given";
}

/** Several attempts at one name (IPv6, IPv4) come as an AggregateError. */
function whyUnreachable(error: unknown): string {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(inner instanceof Error)) return String(inner);
  if (inner.name === "TimeoutError" || inner.name === "AbortError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { code } = inner as NodeJS.ErrnoException;
  return (code === undefined ? undefined : UNREACHABLE[code]) ?? inner.message;
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "no such host",
  ECONNRESET: "the connection was closed",
};

/** Talking to the admin listener of a running Crossfade. */
import { existsSync } from "node:fs";
import { spellAddress } from "../config/addresses.ts";
import { loadSettings } from "../config/load.ts";
import { formatConfigMessage } from "../config/message.ts";
import { EXIT, Exit } from "./exit.ts";

export const DEFAULT_CONFIG = "crossfade.yaml";
const DEFAULT_ADMIN = "http://127.0.0.1:9090";
const TIMEOUT_MS = 15_000;

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
  async get<T>(path: string, query: Readonly<Record<string, string | number | undefined>> = {}): Promise<T | null> {
    const answer = await this.ask(path, query, AbortSignal.timeout(TIMEOUT_MS));
    const body = await this.jsonOf(answer);
    if (answer.status === 404) return null;
    if (answer.status === 400) throw new Exit(EXIT.usage, detailOf(body));
    if (!answer.ok) throw new Exit(EXIT.failed, `${this.url} answered ${answer.status}: ${detailOf(body)}`);
    return body as T;
  }

  /** The event stream at `path`; ends with `signal`. */
  async events(
    path: string,
    query: Readonly<Record<string, string | number | undefined>>,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const answer = await this.ask(path, query, signal);
    if (answer.ok && answer.body !== null) return answer.body;
    const body = await this.jsonOf(answer);
    throw new Exit(answer.status === 400 ? EXIT.usage : EXIT.failed, detailOf(body));
  }

  private async ask(
    path: string,
    query: Readonly<Record<string, string | number | undefined>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const target = new URL(path, this.url);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    let answer: Response;
    try {
      const headers: Record<string, string> = this.token === null ? {} : { authorization: `Bearer ${this.token}` };
      answer = await fetch(target, { headers, signal, redirect: "error" });
    } catch (error) {
      throw new Exit(EXIT.failed, `cannot reach ${this.url} (${whyUnreachable(error)}); is crossfade running? Name another with --admin URL`);
    }
    if (answer.status === 401) {
      const known = this.token === null ? "asks for a token" : "does not know this token";
      throw new Exit(EXIT.failed, `${this.url} ${known}; give one with --token or CROSSFADE_TOKEN`);
    }
    return answer;
  }

  private async jsonOf(answer: Response): Promise<unknown> {
    try {
      if ((answer.headers.get("content-type") ?? "").includes("json")) return await answer.json();
    } catch (error) {
      throw new Exit(EXIT.failed, `${this.url} broke off its answer (${whyUnreachable(error)})`);
    }
    throw new Exit(EXIT.failed, `${this.url} is not Crossfade's admin listener (it answered ${answer.status}); name it with --admin URL`);
  }
}

/** --admin, else what the config file says, else the default; the same for the token. */
export function openApi(options: ApiOptions, env: NodeJS.ProcessEnv = process.env): Api {
  const named = options.token ?? nonEmpty(env["CROSSFADE_TOKEN"]) ?? null;
  if (options.admin !== undefined) return new Api(adminUrl(options.admin), named);
  const file = options.config ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : null);
  if (file === null) return new Api(DEFAULT_ADMIN, named);
  const loaded = loadSettings({ file, flags: {}, env });
  if (!loaded.ok) {
    const lines = loaded.errors.map((error) => formatConfigMessage(error));
    throw new Exit(EXIT.no, [...lines, `${file} does not say where the admin listener is; name it with --admin URL`].join("\n"));
  }
  const { listen, tokens } = loaded.settings.admin;
  const host = listen.host === "0.0.0.0" ? "127.0.0.1" : listen.host === "::" ? "::1" : listen.host;
  return new Api(`http://${spellAddress({ host, port: listen.port })}`, named ?? tokens[0]?.token ?? null);
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
  if (typeof body === "object" && body !== null && "detail" in body && typeof body.detail === "string") return body.detail;
  return "no reason given";
}

/** fetch wraps what happened in `cause`, and several attempts (IPv6, IPv4) in an AggregateError. */
function whyUnreachable(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  const inner = cause instanceof AggregateError ? cause.errors[0] : (cause ?? error);
  const code = (inner as NodeJS.ErrnoException).code;
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: "nothing listens there",
    ENOTFOUND: "no such host",
    ECONNRESET: "the connection was closed",
    UND_ERR_SOCKET: "the connection was closed",
  };
  return (code === undefined ? undefined : words[code]) ?? (inner instanceof Error ? inner.message : String(inner));
}

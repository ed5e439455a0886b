/** Where a Redis store is, as a URL: `redis://`, `rediss://`, and both with `+sentinel` or `+cluster`. */
import { parseAddress } from "./addresses.ts";
import { nearestName } from "./nearest.ts";
import type { Address, RedisTopology } from "./settings.ts";
import type { Parsed } from "./units.ts";

export const DEFAULT_REDIS_PREFIX = "crossfade";

/** As written: everything but the nodes may also be said beside the URL. */
export interface RedisAddress {
  readonly kind: "redis";
  readonly topology: RedisTopology;
  readonly secure: boolean;
  readonly nodes: readonly Address[];
  /** The name that the sentinels know the master by. */
  readonly master: string | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly db: number;
  readonly prefix: string;
  /** Files, as in the `tls` of a service. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string };
}

const OPTIONS = ["prefix", "ca", "cert", "key", "serverName"] as const;
type Option = (typeof OPTIONS)[number];

const EXAMPLES: Readonly<Record<RedisTopology, string>> = {
  single: "redis://127.0.0.1:6379/0",
  sentinel: "redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/mymaster",
  cluster: "redis+cluster://10.0.0.1:6379,10.0.0.2:6379",
};

const GRAMMAR = /^(rediss?)(\+\w+)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(\/[^@?#]*)?(?:\?([^@#]*))?$/;

export function isRedisUrl(text: string): boolean {
  return /^rediss?(?:\+\w+)?:/.test(text);
}

/** What is wrong is told without what is secret in it. */
export function parseRedisUrl(text: string): Parsed<RedisAddress> {
  const shown = JSON.stringify(text.replace(/\/\/.*@/, "//***@"));
  const wrong = (predicate: string): Parsed<never> => ({ ok: false, error: `is ${shown}, ${predicate}` });
  const parts = GRAMMAR.exec(text);
  if (parts === null) {
    const why = "which cannot be read as a Redis URL; percent-encode @ / ? # in user and password, and write";
    return wrong(`${why} ${EXAMPLES.single}`);
  }
  const [, scheme, kind, credentials, hosts = "", path = "", query = ""] = parts;
  const topology = topologyOf(kind);
  if (topology === null) return wrong(`whose ${kind} is neither +sentinel nor +cluster; write ${EXAMPLES.single}`);
  const nodes = parseNodes(hosts, topology);
  if (typeof nodes === "string") return wrong(nodes);
  const place = parsePlace(path, topology);
  if (typeof place === "string") return wrong(place);
  const login = parseCredentials(credentials);
  if (login === null) return wrong("whose user or password is not percent-encoded right; encode % itself as %25");
  const options = parseOptions(query);
  if (typeof options === "string") return wrong(options);
  const { prefix, ...tls } = options;
  if (scheme === "redis" && Object.keys(tls).length > 0) {
    return wrong(`which names certificates and is not encrypted; write rediss${kind ?? ""}://`);
  }
  const value: RedisAddress = {
    kind: "redis",
    topology,
    secure: scheme === "rediss",
    nodes,
    ...place,
    ...login,
    prefix: prefix ?? DEFAULT_REDIS_PREFIX,
    tls,
  };
  return { ok: true, value };
}

/** The first part of every key. Braces would move all keys of a cluster to another slot (hash tags). */
export function parseRedisPrefix(text: string): Parsed<string> {
  if (/^[\w.:/-]{1,64}$/.test(text)) return { ok: true, value: text };
  return {
    ok: false,
    error: `is ${JSON.stringify(text)}; a prefix holds 1 to 64 letters, digits and _ . : / -: write ${DEFAULT_REDIS_PREFIX}`,
  };
}

function topologyOf(kind: string | undefined): RedisTopology | null {
  if (kind === undefined) return "single";
  return kind === "+sentinel" ? "sentinel" : kind === "+cluster" ? "cluster" : null;
}

function parseNodes(hosts: string, topology: RedisTopology): readonly Address[] | string {
  const nodes: Address[] = [];
  for (const host of hosts.split(",")) {
    if (host === "") return `which names no host; write ${EXAMPLES[topology]}`;
    const bare = host.startsWith("[") ? host.endsWith("]") : !host.includes(":");
    const parsed = parseAddress(bare ? `${host}:${topology === "sentinel" ? 26379 : 6379}` : host);
    if (!parsed.ok) return `whose node ${parsed.error}`;
    if (parsed.value.port === 0) return "and nothing can be reached at port 0";
    nodes.push(parsed.value);
  }
  if (topology === "single" && nodes.length > 1) {
    return "which names several hosts; write redis+sentinel:// or redis+cluster://, whichever they are";
  }
  return nodes;
}

function parsePlace(path: string, topology: RedisTopology): Pick<RedisAddress, "master" | "db"> | string {
  const [first = "", second = "", ...rest] = path.slice(1).split("/");
  const tooMuch = `whose path ${path} has too many parts; write ${EXAMPLES[topology]}`;
  if (rest.length > 0) return tooMuch;
  if (topology === "sentinel") {
    if (first === "") return `which does not name the master that the sentinels watch; write ${EXAMPLES.sentinel}`;
    const db = parseDb(second);
    return db === null
      ? `whose ${second} is no number of a database; write 0 to 15, or nothing`
      : { master: first, db };
  }
  if (second !== "") return tooMuch;
  const db = parseDb(first);
  if (db === null) return `whose ${first} is no number of a database; write 0 to 15, and names as ?prefix=${first}`;
  if (topology === "cluster" && db !== 0) return "and a cluster has database 0 alone; take the number out";
  return { master: null, db };
}

function parseDb(text: string): number | null {
  return /^\d{0,5}$/.test(text) ? Number(text) : null;
}

function parseCredentials(text: string | undefined): Pick<RedisAddress, "username" | "password"> | null {
  if (text === undefined || text === "") return { username: null, password: null };
  const colon = text.indexOf(":");
  try {
    const username = decodeURIComponent(colon === -1 ? text : text.slice(0, colon));
    const password = colon === -1 ? null : decodeURIComponent(text.slice(colon + 1));
    return { username: username === "" ? null : username, password };
  } catch {
    return null;
  }
}

function parseOptions(query: string): Partial<Record<Option, string>> | string {
  const options: Partial<Record<Option, string>> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const known = OPTIONS.find((option) => option === name);
    if (known === undefined) {
      const near = nearestName(name, OPTIONS);
      return `whose option ${name} is not known; ${near === null ? `known are ${OPTIONS.join(", ")}` : `did you mean ${near}?`}`;
    }
    if (value === "") return `whose option ${name} has no value; write one, or take it out`;
    options[known] = value;
  }
  if (options.prefix !== undefined) {
    const prefix = parseRedisPrefix(options.prefix);
    if (!prefix.ok) return `whose option prefix ${prefix.error}`;
  }
  return options;
}

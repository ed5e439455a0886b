/** `store`: one text, or for Redis a URL with what is better kept apart from it. */
import { z } from "zod";
import { describeField, freeText, parsedText, pemField, switchField } from "./fields.ts";
import {
  isRedisUrl,
  parseRedisPrefix,
  parseRedisUrl,
  DEFAULT_REDIS_PREFIX,
  type RedisAddress,
} from "./redis-address.ts";
import { parseServerName } from "./texts.ts";
import type { Parsed } from "./units.ts";

export type StoreText = { readonly kind: "sqlite"; readonly file: string } | { readonly kind: "memory" } | RedisAddress;

/** `sqlite:FILE` (relative to the working directory), a Redis URL or `memory:`; YAML wants quotes around the last. */
export function parseStore(text: string): Parsed<StoreText> {
  const shown = JSON.stringify(text);
  if (text === "memory:" || text === "memory") return { ok: true, value: { kind: "memory" } };
  if (text === "sqlite::memory:")
    return { ok: false, error: `is ${shown}; a store that ends with the process is written memory:` };
  if (isRedisUrl(text)) return parseRedisUrl(text);
  if (!text.startsWith("sqlite:")) {
    const file = /^[./~\w-]+$/.test(text) ? text : "./crossfade.db";
    const kinds = `write sqlite:${file}, redis://HOST:PORT or memory:`;
    return {
      ok: false,
      error: `is ${JSON.stringify(text.replace(/\/\/.*@/, "//***@"))}, which names no kind of store; ${kinds}`,
    };
  }
  const file = text.slice("sqlite:".length);
  if (file === "" || file.startsWith("//"))
    return { ok: false, error: `is ${shown}, which names no file; write sqlite:./crossfade.db` };
  return { ok: true, value: { kind: "sqlite", file } };
}

const ABOUT = {
  effect:
    "Where state and evidence are kept: sqlite:FILE; redis://, rediss://, redis+sentinel:// or redis+cluster://; or memory: (lost at the end). A change needs a restart.",
  byDefault: "sqlite:./crossfade.db",
  examples: ["sqlite:./crossfade.db", "redis://127.0.0.1:6379/0?prefix=crossfade", "${CROSSFADE_STORE}"],
};

export const storeField = parsedText(parseStore, ABOUT);

const credential = (effect: string) => freeText({ effect, examples: ["${REDIS_PASSWORD}"] }, { min: 1, max: 1024 });

const redisTlsSchema = z
  .strictObject({
    ca: pemField(
      "The certificate authorities that Redis' certificate is checked by, in place of Node's own list.",
    ).optional(),
    cert: pemField("The certificate, with its chain, that is shown where Redis asks for one.").optional(),
    key: pemField("The key of cert, not encrypted.").optional(),
    serverName: parsedText(parseServerName, {
      effect:
        "The name that is asked for (SNI) and that the certificate must have. Default: the host that is connected to.",
      examples: ["redis.internal"],
    }).optional(),
    verify: switchField("Whether Redis' certificate is checked.", true).optional(),
  })
  .describe("TLS to a Redis whose url is rediss://. A changed file takes effect at a restart.");

const redisSchema = z
  .strictObject({
    url: parsedText(
      (text): Parsed<RedisAddress> =>
        isRedisUrl(text)
          ? parseRedisUrl(text)
          : { ok: false, error: `is ${JSON.stringify(text)}, which is no Redis URL; write redis://127.0.0.1:6379/0` },
      {
        effect:
          "redis://HOST:PORT/DB, rediss:// (TLS), redis+sentinel://HOST:PORT,…/MASTER or redis+cluster://HOST:PORT,….",
        examples: ["redis://127.0.0.1:6379/0"],
      },
    ),
    username: credential("The user to log in as.").optional(),
    password: credential("Its password, best from the environment.").optional(),
    sentinelUsername: credential("The user to log in as at the sentinels.").optional(),
    sentinelPassword: credential("Its password there.").optional(),
    prefix: parsedText(parseRedisPrefix, {
      effect: "The first part of every key, so that several installations can share one Redis.",
      byDefault: DEFAULT_REDIS_PREFIX,
    }).optional(),
    tls: redisTlsSchema.optional(),
  })
  .describe("A Redis store whose secrets and certificates are written beside its URL.");

export const storeSchema = z
  .union([storeField, redisSchema.transform((written) => ({ kind: "written" as const, ...written }))])
  .meta(describeField(ABOUT));

export type WrittenStore = z.output<typeof storeSchema>;

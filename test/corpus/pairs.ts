/** Reads the pairs of this folder (README.md has the format): answers as bytes, rules as the config loader makes them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { parse, stringify } from "yaml";
import { z } from "zod";
import type { ComparableAnswer } from "../../proxy/compare/diff-answers.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import type { CompareSettings } from "../../proxy/config/compare-settings.ts";
import type { Difference } from "../../proxy/evidence/evidence.ts";

/** When the pairs are compared: decides which rules have expired. */
export const COMPARED_AT = Date.UTC(2026, 10, 1);

const encodings = {
  gzip: gzipSync,
  deflate: deflateSync,
  "deflate-raw": deflateRawSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const;
const CODINGS = Object.keys(encodings) as (keyof typeof encodings)[];

const partSchema = z.union([z.string(), z.tuple([z.string(), z.int().positive()])]);
const answerSchema = z.strictObject({
  status: z.int().optional(),
  type: z.string().optional(),
  headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
  body: z.union([z.string(), z.array(partSchema)]).optional(),
  document: z.string().optional(),
  replace: z.array(z.tuple([z.string(), z.string()])).optional(),
  hex: z.string().optional(),
  bom: z.boolean().optional(),
  charset: z.enum(["utf-8", "latin1", "utf-16le", "utf-16be"]).optional(),
  cut: z.int().positive().optional(),
  behind: z.string().optional(),
  encode: z.array(z.enum(CODINGS)).optional(),
});
type WrittenAnswer = z.infer<typeof answerSchema>;

const differenceSchema = z.tuple([z.string(), z.string(), z.string().nullable(), z.string().nullable()]);
const pairSchema = z.strictObject({
  name: z.string(),
  why: z.string().optional(),
  both: answerSchema.optional(),
  primary: z.union([z.string(), answerSchema]),
  shadow: z.union([z.string(), answerSchema]),
  rules: z.record(z.string(), z.unknown()).optional(),
  expect: z.union([z.enum(["match", "ignored"]), z.array(differenceSchema).nonempty()]),
  excused: z.int().positive().optional(),
});
const fileSchema = z.strictObject({
  rules: z.record(z.string(), z.unknown()).optional(),
  documents: z.record(z.string(), z.string()).optional(),
  pairs: z.array(pairSchema),
});

export interface Pair {
  readonly name: string;
  readonly primary: ComparableAnswer;
  readonly shadow: ComparableAnswer;
  readonly rules: CompareSettings;
  readonly outcome: "match" | "ignored" | "divergent";
  readonly differences: readonly Difference[];
  readonly excused: number;
}

/** The pairs of each file of this folder, by its name. Throws where one is not written as the README says. */
export function readPairs(): ReadonlyMap<string, readonly Pair[]> {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".yaml"));
  return new Map(files.sort().map((name) => [name, readFile(name)]));
}

function readFile(name: string): readonly Pair[] {
  const written: unknown = parse(readFileSync(join(import.meta.dirname, name), "utf8"));
  const checked = fileSchema.safeParse(written);
  if (!checked.success) throw new Error(`${name}: ${z.prettifyError(checked.error)}`);
  const { documents = {}, rules: rulesOfAll = {}, pairs } = checked.data;
  return pairs.map(({ name: pairName, both = {}, primary, shadow, rules, expect, excused }): Pair => {
    try {
      const answer = (side: string | WrittenAnswer): ComparableAnswer => {
        return answerOf({ ...both, ...(typeof side === "string" ? { body: side } : side) }, documents);
      };
      if (expect === "ignored" && excused === undefined) throw new Error("how many are excused must be said");
      if (expect === "match" && excused !== undefined) throw new Error("a match excuses nothing");
      return {
        name: pairName,
        primary: answer(primary),
        shadow: answer(shadow),
        rules: loadRules({ ...rulesOfAll, ...rules }),
        outcome: typeof expect === "string" ? expect : "divergent",
        differences: typeof expect === "string" ? [] : expect.map(differenceOf),
        excused: excused ?? 0,
      };
    } catch (error) {
      throw new Error(`${name}: ${pairName}: ${(error as Error).message}`, { cause: error });
    }
  });
}

function differenceOf([at, kind, primary, shadow]: z.infer<typeof differenceSchema>): Difference {
  return { at, kind: kind as Difference["kind"], primary, shadow };
}

function answerOf(written: WrittenAnswer, documents: Readonly<Record<string, string>>): ComparableAnswer {
  const { status = 200, type = "application/json", headers = {}, encode = [] } = written;
  const raw: string[] = type === "none" ? [] : ["content-type", type];
  for (const [name, value] of Object.entries(headers)) for (const line of [value].flat()) raw.push(name, line);
  let bytes = bytesOf(written, documents);
  for (const coding of encode) bytes = encodings[coding](bytes);
  bytes = bytes.subarray(0, bytes.length - (written.cut ?? 0));
  bytes = Buffer.concat([bytes, Buffer.from((written.behind ?? "").replaceAll(" ", ""), "hex")]);
  if (encode.length > 0) raw.push("content-encoding", encode.map((coding) => coding.replace("-raw", "")).join(", "));
  return { status, headers: raw, body: { kind: "bytes", bytes } };
}

function bytesOf(written: WrittenAnswer, documents: Readonly<Record<string, string>>): Buffer {
  const { body = "", document, replace = [], hex, bom = false, charset = "utf-8" } = written;
  if (hex !== undefined) return Buffer.from(hex.replaceAll(" ", ""), "hex");
  let text = typeof body === "string" ? body : body.map((part) => spellPart(part)).join("");
  if (document !== undefined) {
    const found = documents[document];
    if (found === undefined) throw new Error(`no document is named ${document}`);
    text = found;
  }
  for (const [piece, by] of replace) {
    if (text.split(piece).length !== 2) throw new Error(`${piece} stands there ${text.split(piece).length - 1} times`);
    text = text.replace(piece, () => by);
  }
  const bytes = Buffer.from(`${bom ? "\ufeff" : ""}${text}`, charset === "utf-16be" ? "utf-16le" : charset);
  return charset === "utf-16be" ? bytes.swap16() : bytes;
}

function spellPart(part: z.infer<typeof partSchema>): string {
  return typeof part === "string" ? part : part[0].repeat(part[1]);
}

const loadedRules = new Map<string, CompareSettings>();

/** A `compare` block, taken through a config file as a user's is. */
function loadRules(block: Readonly<Record<string, unknown>>): CompareSettings {
  const service = (port: number): object => ({ url: `http://127.0.0.1:${port}` });
  const config = stringify({
    services: { legacy: service(3000), next: { ...service(4000), effects: "suppressed" } },
    routes: [{ name: "pairs", match: { path: "/**" }, compare: block }],
  });
  const known = loadedRules.get(config);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), "crossfade-corpus-"));
  try {
    const file = join(folder, "crossfade.yaml");
    writeFileSync(file, config);
    const loaded = loadSettings({ file, flags: {}, env: {}, now: COMPARED_AT });
    if (!loaded.ok) throw new Error(loaded.errors.map(({ text }) => text).join("; "));
    const rules = loaded.settings.routes[0]?.compare as CompareSettings;
    loadedRules.set(config, rules);
    return rules;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

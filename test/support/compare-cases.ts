/** Reads test/fixtures/compare: see the README there for the fields. */
import { readdirSync, readFileSync } from "node:fs";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { ComparableAnswer } from "../../proxy/compare/diff-answers.ts";
import type { CompareSettings } from "../../proxy/config/compare-settings.ts";
import type { Difference } from "../../proxy/evidence/evidence.ts";
import type { RuleKind } from "../../proxy/evidence/rule-names.ts";

type FixtureAnswer =
  | string
  | {
      readonly status?: number;
      readonly headers?: readonly [string, string][];
      readonly text?: string;
      readonly base64?: string;
      readonly encode?: readonly string[];
      readonly digest?: string;
      readonly length?: number;
    };

interface Fixture {
  readonly name: string;
  readonly primary: FixtureAnswer;
  readonly shadow: FixtureAnswer;
  readonly rules?: {
    readonly status?: "exact" | "class";
    readonly headers?: readonly string[];
    readonly ignore?: readonly { readonly at: string; readonly until?: number }[];
  };
  readonly differences?: readonly [string, Difference["kind"], string | null, string | null][];
  readonly excused?: number;
  readonly more?: number;
}

export interface CompareCase {
  readonly file: string;
  readonly name: string;
  readonly primary: ComparableAnswer;
  readonly shadow: ComparableAnswer;
  readonly rules: CompareSettings;
  readonly differences: readonly Difference[];
  readonly excused: number;
  readonly more: number;
}

const FOLDER = new URL("../fixtures/compare/", import.meta.url);

export function compareCases(): CompareCase[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));
  return files.flatMap((file) => {
    const fixtures = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Fixture[];
    return fixtures.map((fixture) => caseOf(file, fixture));
  });
}

type LooseRules = { readonly [K in RuleKind]?: readonly Partial<CompareSettings[K][number]>[] };

/** Rules that look at nothing but exact status and body, except as told; of a rule, what matters to the test is enough. */
export function compareRules(rules: Partial<Omit<CompareSettings, RuleKind>> & LooseRules = {}): CompareSettings {
  const whole = <K extends RuleKind>(kind: K): CompareSettings[K] =>
    (rules[kind] ?? []).map((rule) => ({
      at: "",
      because: "test",
      until: null,
      when: null,
      ...(kind === "unordered" ? { by: null } : {}),
      ...rule,
    })) as unknown as CompareSettings[K];
  return {
    status: rules.status ?? "exact",
    headers: rules.headers ?? [],
    mustMatch: rules.mustMatch ?? [],
    ignore: whole("ignore"),
    normalise: whole("normalise"),
    tolerance: whole("tolerance"),
    unordered: whole("unordered"),
    equivalent: whole("equivalent"),
    shapes: whole("shapes"),
    module: rules.module ?? null,
    noise: rules.noise ?? { readShare: 0, comparedShare: 0 },
  };
}

export function jsonAnswer(text: string | Buffer, status = 200): ComparableAnswer {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  return { status, headers: ["content-type", "application/json"], body: { kind: "bytes", bytes } };
}

function caseOf(file: string, fixture: Fixture): CompareCase {
  return {
    file,
    name: fixture.name,
    primary: answerOf(fixture.primary),
    shadow: answerOf(fixture.shadow),
    rules: compareRules(fixture.rules),
    differences: (fixture.differences ?? []).map(([at, kind, primary, shadow]) => ({ at, kind, primary, shadow })),
    excused: fixture.excused ?? 0,
    more: fixture.more ?? 0,
  };
}

function answerOf(fixture: FixtureAnswer): ComparableAnswer {
  if (typeof fixture === "string") return jsonAnswer(fixture);
  const headers = (fixture.headers ?? [["content-type", "application/json"]]).flat();
  const status = fixture.status ?? 200;
  if (fixture.digest !== undefined) {
    return { status, headers, body: { kind: "digest", sha256: fixture.digest, length: fixture.length ?? 0 } };
  }
  let bytes = fixture.base64 === undefined ? Buffer.from(fixture.text ?? "") : Buffer.from(fixture.base64, "base64");
  const codings = fixture.encode ?? [];
  for (const coding of codings) bytes = encode(bytes, coding);
  if (codings.length > 0)
    headers.push("content-encoding", codings.map((coding) => coding.replace("-raw", "")).join(", "));
  return { status, headers, body: { kind: "bytes", bytes } };
}

function encode(bytes: Buffer, coding: string): Buffer<ArrayBuffer> {
  switch (coding) {
    case "gzip":
      return gzipSync(bytes);
    case "deflate":
      return deflateSync(bytes);
    case "deflate-raw":
      return deflateRawSync(bytes);
    case "br":
      return brotliCompressSync(bytes);
    case "zstd":
      return zstdCompressSync(bytes);
    default:
      throw new Error(`no coding is named ${coding}`);
  }
}

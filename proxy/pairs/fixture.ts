/**
 * Pairs as files that people read, keep and change: a list of YAML in the form of the comparison's own corpus, each with the
 * request, both answers and what is expected to differ. docs/pairs.md has the format.
 */
import { parse, stringify } from "yaml";
import { z } from "zod";
import { PHASES } from "../config/settings.ts";
import { DIFFERENCE_KINDS } from "../evidence/evidence.ts";
import { BODY_LEFT_OUT, type PairBody, type PairMessage, type StoredPair } from "../evidence/stored-pair.ts";

const headersSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));
const bodySchema = z.union([
  z.string(),
  z.strictObject({ leftOut: z.enum(BODY_LEFT_OUT), bytes: z.int().nonnegative(), digest: z.string() }),
]);
const messageSchema = {
  /** The content type; `none`: there is no such header. */
  type: z.string().optional(),
  headers: headersSchema.optional(),
  body: bodySchema.optional(),
  redacted: z.array(z.string()).optional(),
};
const answerSchema = z.strictObject({ service: z.string().optional(), status: z.int().optional(), ...messageSchema });
const differenceSchema = z.tuple([z.string(), z.enum(DIFFERENCE_KINDS), z.string().nullable(), z.string().nullable()]);
const fixtureSchema = z.strictObject({
  name: z.string(),
  route: z.string().optional(),
  recorded: z
    .strictObject({
      id: z.string().optional(),
      time: z.string().optional(),
      phase: z.enum(PHASES).optional(),
      key: z.string().nullable().optional(),
      build: z.string().nullable().optional(),
      group: z.string().nullable().optional(),
      rules: z.array(z.string()).optional(),
      moreDifferences: z.int().nonnegative().optional(),
    })
    .optional(),
  request: z.strictObject({
    method: z.string(),
    target: z.string().startsWith("/"),
    scheme: z.enum(["http", "https"]).optional(),
    ...messageSchema,
  }),
  primary: z.union([z.string(), answerSchema]),
  shadow: z.union([z.string(), answerSchema]),
  expect: z.union([z.enum(["match", "ignored"]), z.array(differenceSchema).nonempty()]),
});
const fileSchema = z.strictObject({ pairs: z.array(fixtureSchema).nullable() });

type Fixture = z.infer<typeof fixtureSchema>;
type WrittenMessage = Pick<z.infer<typeof answerSchema>, "type" | "headers" | "body" | "redacted">;
type WrittenHeaders = NonNullable<WrittenMessage["headers"]>;

const JSON_TYPE = "application/json";
const NO_TYPE = "none";

/** What stands at the head of such a file, and one pair of it: for a list that is written piece by piece. */
export const FIXTURE_HEAD =
  "# Recorded by Crossfade, redacted. crossfade recompare --fixtures compares them again.\npairs:\n";

export function writeFixture(pair: StoredPair): string {
  return stringify([fixtureOf(pair)], { lineWidth: 0 });
}

/** @throws Error in words where the text is no such file. */
export function readFixtures(text: string): readonly StoredPair[] {
  const checked = fileSchema.safeParse(parse(text));
  if (!checked.success) throw new Error(z.prettifyError(checked.error).replaceAll(/\n\s*/g, " "));
  return (checked.data.pairs ?? []).map(pairOf);
}

function fixtureOf(pair: StoredPair): Fixture {
  const { id, time, route, phase, key, build, group, outcome, rules, differences, moreDifferences } = pair;
  const { method, target, scheme } = pair.request;
  const answer = ({ service, status, ...message }: StoredPair["primary"]) => ({
    service,
    status,
    ...writtenMessage(message),
  });
  return {
    name: `${method} ${target}, ${id}`,
    route,
    recorded: {
      id,
      time,
      phase,
      key,
      build,
      group,
      ...(rules.length === 0 ? {} : { rules: [...rules] }),
      ...(moreDifferences === 0 ? {} : { moreDifferences }),
    },
    request: { method, target, scheme, ...writtenMessage(pair.request) },
    primary: answer(pair.primary),
    shadow: answer(pair.shadow),
    expect:
      outcome === "divergent"
        ? (differences.map(({ at, kind, primary, shadow }) => [at, kind, primary, shadow]) as Exclude<
            Fixture["expect"],
            string
          >)
        : outcome,
  };
}

function writtenMessage({ headers, body, redacted }: PairMessage): WrittenMessage {
  const written: Record<string, string | string[]> = {};
  let type: string | null = null;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    const before = Object.hasOwn(written, name) ? written[name] : undefined;
    if (name === "content-type" && type === null) type = value;
    else written[name] = before === undefined ? value : [before, value].flat();
  }
  return {
    type: type ?? NO_TYPE,
    ...(Object.keys(written).length === 0 ? {} : { headers: written }),
    body: "text" in body ? body.text : body,
    ...(redacted.length === 0 ? {} : { redacted: [...redacted] }),
  };
}

function pairOf({ name, route, recorded = {}, request, primary, shadow, expect }: Fixture): StoredPair {
  const differences = typeof expect === "string" ? [] : expect;
  const answer = (service: string, written: Fixture["primary"]): StoredPair["primary"] => {
    const {
      status = 200,
      service: named = service,
      ...message
    } = typeof written === "string" ? { body: written } : written;
    return { service: named, status, ...messageOf(message, JSON_TYPE) };
  };
  return {
    id: recorded.id ?? name,
    time: recorded.time ?? new Date(0).toISOString(),
    route: route ?? "",
    phase: recorded.phase ?? "dual-write",
    key: recorded.key ?? null,
    build: recorded.build ?? null,
    group: recorded.group ?? null,
    outcome: typeof expect === "string" ? expect : "divergent",
    request: {
      method: request.method,
      target: request.target,
      scheme: request.scheme ?? "http",
      ...messageOf(request, NO_TYPE),
    },
    primary: answer("primary", primary),
    shadow: answer("shadow", shadow),
    differences: differences.map(([at, kind, a, b]) => ({ at, kind, primary: a, shadow: b })),
    rules: recorded.rules ?? [],
    moreDifferences: recorded.moreDifferences ?? 0,
  };
}

function messageOf({ type, headers = {}, body = "", redacted = [] }: WrittenMessage, byDefault: string): PairMessage {
  const named = type ?? byDefault;
  const shown: PairBody = typeof body === "string" ? { text: body } : body;
  const raw = [...(named === NO_TYPE ? [] : ["content-type", named]), ...rawHeaders(headers)];
  return { headers: raw, body: shown, redacted };
}

function rawHeaders(headers: WrittenHeaders): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((line) => [name, line]));
}

/** The leaves of the schema: each knows how its text is read, and what editors show about it. */
import { z } from "zod";
import { isHeaderName, parseLocator } from "./locator.ts";
import { showValue } from "./message.ts";
import { nearestName } from "./nearest.ts";
import type { Locator, LocatorSource } from "./terms.ts";
import {
  parseDuration,
  parseShare,
  parseSize,
  SHARE_PATTERN,
  SIZE_PATTERN,
  spellDuration,
  spellSize,
  TIME_PATTERN,
  type Parsed,
} from "./units.ts";

/** What an editor shows at a key. The texts are whole sentences. */
export interface About {
  readonly effect: string;
  /** As it would be written. */
  readonly byDefault?: string | number | boolean;
  readonly range?: string;
  readonly examples?: readonly string[];
  /** A regular expression for editors; wider than what is accepted. */
  readonly pattern?: string;
}

export function describeField({ effect, byDefault, range, examples, pattern }: About): Record<string, unknown> {
  const parts = [effect];
  if (byDefault !== undefined) parts.push(`Default: ${byDefault}.`);
  if (range !== undefined) parts.push(`Range: ${range}.`);
  return {
    description: parts.join(" "),
    ...(byDefault === undefined ? {} : { default: byDefault }),
    ...(examples === undefined ? {} : { examples }),
    ...(pattern === undefined ? {} : { pattern }),
  };
}

/** A text with a grammar of its own. Numbers are read as their digits, so that `64` is told about its missing unit. */
export function parsedText<T>(parse: (text: string) => Parsed<T>, about: About) {
  return z
    .string({ error: ({ input }) => (typeof input === "number" ? numberForText(input, parse) : undefined) })
    .meta(describeField(about))
    .transform((text, context): T => {
      const parsed = parse(text);
      if (parsed.ok) return parsed.value;
      context.addIssue({ code: "custom", message: parsed.error });
      return z.NEVER;
    });
}

function numberForText<T>(input: number, parse: (text: string) => Parsed<T>): string {
  const parsed = parse(String(input));
  if (parsed.ok) return `is the number ${input} where a text is expected; write "${input}"`;
  // The parser quotes what it was given; here it was a bare number.
  return parsed.error.replace(`"${input}"`, String(input));
}

/** A text of at least `min` characters, not shown in errors beyond its first ones. */
export function freeText(about: About, bounds: { readonly min: number; readonly max: number }) {
  const parse = (text: string): Parsed<string> => {
    const length = text.trim().length;
    if (length >= bounds.min && length <= bounds.max) return { ok: true, value: text.trim() };
    const range = `${bounds.min} to ${bounds.max} characters`;
    return { ok: false, error: `is ${showValue(text)}, of ${length} characters; write ${range}` };
  };
  return parsedText(parse, about);
}

/** Letters, digits, `.`, `_` and `-`: safe in metric labels, API paths and entity keys. */
export function nameField(about: About) {
  return parsedText((text): Parsed<string> => {
    if (/^[A-Za-z0-9][\w.-]{0,63}$/.test(text)) return { ok: true, value: text };
    const rule = "letters, digits, dots, _ and - (at most 64), a letter or digit first";
    return { ok: false, error: `is ${showValue(text)}; a name holds ${rule}` };
  }, about);
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

export function sizeField(effect: string, bounds: Bounds, byDefault: number) {
  const about = `${effect} A size: B, KB, MB, GB, TB, KiB, MiB, GiB, TiB.`;
  return bounded(parseSize, spellSize, bounds, {
    effect: about,
    byDefault: spellSize(byDefault),
    pattern: SIZE_PATTERN,
  });
}

export function durationField(effect: string, bounds: Bounds, byDefault: number) {
  const about = `${effect} A time: ms, s, m, h, d.`;
  return bounded(parseDuration, spellDuration, bounds, {
    effect: about,
    byDefault: spellDuration(byDefault),
    pattern: TIME_PATTERN,
  });
}

/** A time, or `off`: null then. */
export function durationOrOff(effect: string, { min, max }: Bounds) {
  const range = `${spellDuration(min)} to ${spellDuration(max)}`;
  return parsedText(
    (text): Parsed<number | null> => {
      if (text.trim() === "off") return { ok: true, value: null };
      const parsed = parseDuration(text);
      if (!parsed.ok) return { ok: false, error: `${parsed.error}, or off` };
      if (parsed.value >= min && parsed.value <= max) return parsed;
      return { ok: false, error: `is ${JSON.stringify(text)}, outside of ${range}; write a value in between, or off` };
    },
    {
      effect: `${effect} A time (ms, s, m, h, d), or off.`,
      byDefault: "off",
      range: `${range}, or off`,
      pattern: `^off$|${TIME_PATTERN}`,
    },
  );
}

/** A whole number, or `unlimited`: null then. */
export function countOrUnlimited(effect: string, { min, max }: Bounds) {
  const range = `${min} to ${max}, or unlimited`;
  const error = ({ input }: { readonly input?: unknown }): string =>
    `is ${showValue(input)}; write a whole number from ${range}`;
  return z
    .union([z.number({ error }).int({ error }).min(min, { error }).max(max, { error }), z.literal("unlimited")], {
      error,
    })
    .meta(describeField({ effect, byDefault: "unlimited", range }))
    .transform((count) => (count === "unlimited" ? null : count));
}

/** Where a certificate or key is: a file, or the PEM text itself, as a variable of the environment holds it. */
export function pemField(effect: string) {
  return freeText({ effect: `${effect} A file, or PEM itself from the environment.` }, { min: 1, max: 1_000_000 });
}

export function shareField(effect: string, byDefault: string) {
  return parsedText(parseShare, { effect, byDefault, range: "0% to 100%", examples: ["5%"], pattern: SHARE_PATTERN });
}

export function bounded(
  parse: (text: string) => Parsed<number>,
  spell: (value: number) => string,
  { min, max }: Bounds,
  about: About,
) {
  const range = `${spell(min)} to ${spell(max)}`;
  return parsedText(
    (text): Parsed<number> => {
      const parsed = parse(text);
      if (!parsed.ok || (parsed.value >= min && parsed.value <= max)) return parsed;
      return { ok: false, error: `is ${JSON.stringify(text)}, outside of ${range}; write a value in between` };
    },
    { ...about, range },
  );
}

export function countField(effect: string, { min, max }: Bounds, byDefault?: number) {
  const range = `${min} to ${max}`;
  const error = ({ input }: { readonly input?: unknown }): string | undefined =>
    input === undefined ? undefined : `is ${showValue(input)}; write a whole number from ${range}`;
  return z
    .number({ error })
    .int({ error })
    .min(min, { error })
    .max(max, { error })
    .meta(describeField({ effect, ...(byDefault === undefined ? {} : { byDefault }), range }));
}

export function switchField(effect: string, byDefault: boolean) {
  return z.boolean().meta(describeField({ effect, byDefault }));
}

/** A locator, of some sources only where `sources` is given. */
export function locatorField(effect: string, sources?: readonly LocatorSource[]) {
  return parsedText(
    (text): Parsed<Locator> => {
      const parsed = parseLocator(text);
      if (!parsed.ok || sources === undefined || sources.includes(parsed.value.source)) return parsed;
      const list = sources.map((source) => `${source}:…`).join(", ");
      return { ok: false, error: `is ${showValue(text)}, which cannot be asked for here; write one of ${list}` };
    },
    { effect: `${effect} A locator: path:id query:q header:x cookie:s body:/p answer:/p answer-header:x, or path.` },
  );
}

export const headerNameField = parsedText(
  (text): Parsed<string> =>
    isHeaderName(text)
      ? { ok: true, value: text.toLowerCase() }
      : { ok: false, error: `is ${showValue(text)}, and no header can be called that` },
  { effect: "A header's name, in any case." },
);

/** `{ x-name: value }` as a list, names in lower case. `problemOf` says what is wrong with one, as a predicate. */
export function headersField(about: About, problemOf: (name: string, value: string) => string | null) {
  return z
    .record(z.string(), z.string())
    .meta(describeField(about))
    .transform((headers, context): (readonly [name: string, value: string])[] =>
      Object.entries(headers).map(([written, value]) => {
        const name = written.toLowerCase();
        let problem = isHeaderName(written) ? problemOf(name, value) : "is no name that a header can have";
        if (name !== written && Object.hasOwn(headers, name))
          problem = `is ${name} a second time; case does not tell headers apart`;
        if (problem !== null) context.addIssue({ code: "custom", message: problem, path: [written] });
        return [name, value] as const;
      }),
    );
}

/** One of a closed list. */
export function choiceField<const T extends readonly [string, ...string[]]>(values: T, about: About) {
  return z
    .enum(values, {
      error: ({ input }) => {
        if (input === undefined) return undefined;
        const list = `write one of ${values.join(", ")}`;
        const near = typeof input === "string" ? nearestName(input, values) : null;
        return `is ${showValue(input)}; ${near === null ? list : `did you mean ${near}? (${values.join(", ")})`}`;
      },
    })
    .meta(describeField(about));
}

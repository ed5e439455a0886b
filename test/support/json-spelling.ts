/** Random JSON values and their many spellings, for property tests. */
import fc from "fast-check";

export type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain };

/**
 * No name begins with a backslash. Once JSON.parse of Node 24.21 (not 20.20) has made an object with the name `\` behind
 * another one, it takes a later escape at that place for it: `{"x":0,"\\":1}`, then `{"x":0,"\u00e9":1}` has the name `\`.
 * It would be no oracle for what this process parses afterwards; parse-exact.test.ts reads such names without it.
 */
const names = fc.oneof(
  fc.constantFrom("id", "a", "b", "", "a/b", "m~n", "__proto__", "constructor", "0", "é", "\ud800", "😀"),
  fc.string({ maxLength: 4 }).filter((name) => !name.startsWith("\\")),
);
const texts = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("", '\u0000\n"\\/', "é😀", "\udc00", "\u2028"));
const numbers = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, 1, 10, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, 0.1, -1.5, Number.MAX_SAFE_INTEGER),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
);
const scalars: fc.Arbitrary<Plain> = fc.oneof(fc.constantFrom(null, true, false), numbers, texts);

/** Values without duplicate names; `__proto__` among the names is a member like any. */
export const plainValues: fc.Arbitrary<Plain> = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalars,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.uniqueArray(fc.tuple(names, tie("value")), { maxLength: 5, selector: ([name]) => name }).map(ownMembers),
  ),
})).value;

export const plainScalars = scalars;

/** An object with these members as its own, `__proto__` included. */
export function ownMembers(members: readonly (readonly [string, Plain])[]): { [name: string]: Plain } {
  const object: { [name: string]: Plain } = {};
  for (const [name, value] of members) {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  }
  return object;
}

/** A small repeatable source of chances (mulberry32). */
export function chances(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** One of the spellings of a value: members shuffled, numbers and strings re-spelled, white space anywhere it may stand. */
export function spell(value: Plain, chance: () => number): string {
  const space = (): string => (chance() < 0.8 ? "" : ([" ", "\n", "\t", "\r "][Math.floor(chance() * 4)] as string));
  const around = (text: string): string => space() + text + space();
  if (typeof value === "number") return around(spellNumber(value, chance));
  if (typeof value === "string") return around(spellString(value, chance));
  if (Array.isArray(value)) return around(`[${value.map((element) => spell(element, chance)).join()}${space()}]`);
  if (value === null || typeof value === "boolean") return around(String(value));
  const members = Object.entries(value).map(([name, member]) => [chance(), name, member] as const);
  members.sort(([a], [b]) => a - b);
  const spelled = members.map(([, name, member]) => `${around(spellString(name, chance))}:${spell(member, chance)}`);
  return around(`{${spelled.join()}${space()}}`);
}

/** The same digits with the point elsewhere. */
export function spellNumber(value: number, chance: () => number): string {
  const plain = JSON.stringify(value);
  const found = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(plain);
  if (found === null || chance() < 0.4) return plain;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = found;
  const digits = (whole + fraction).replace(/^0+(?=\d)/, "") + "0".repeat(Math.floor(chance() * 3));
  const scale =
    Number(exponent) - fraction.length - (digits.length - (whole + fraction).replace(/^0+(?=\d)/, "").length);
  const cut = digits.startsWith("0") ? 1 : 1 + Math.floor(chance() * digits.length);
  const point = cut >= digits.length ? "" : `.${digits.slice(cut)}`;
  const power = scale + (digits.length - cut);
  if (digits.startsWith("0") && digits.length > 1) return plain;
  const mark = chance() < 0.5 ? "e" : "E";
  const plus = power >= 0 && chance() < 0.5 ? "+" : "";
  return `${sign}${digits.slice(0, cut)}${point}${mark}${plus}${power}`;
}

function spellString(text: string, chance: () => number): string {
  let spelled = "";
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    const mustEscape = unit < 0x20 || unit === 0x22 || unit === 0x5c || (unit >= 0xd800 && unit <= 0xdfff);
    if (!mustEscape && chance() < 0.8) spelled += text[i];
    else if (text[i] === "/" && chance() < 0.5) spelled += "\\/";
    else if (text[i] === "\n" && chance() < 0.5) spelled += "\\n";
    else {
      const hex = unit.toString(16).padStart(4, "0");
      spelled += `\\u${chance() < 0.5 ? hex : hex.toUpperCase()}`;
    }
  }
  return `"${spelled}"`;
}

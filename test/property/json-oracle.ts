/**
 * What JSON means, told a second time in the simplest way, to judge proxy/json and proxy/compare by: shares no code with
 * them. Values stand in cells, so that edits can be made in place.
 */

export class Decimal {
  readonly negative: boolean;
  /** Without zeros at the end; the value is digits × 10^exponent. */
  readonly digits: bigint;
  readonly exponent: bigint;

  constructor(negative: boolean, digits: bigint, exponent: bigint) {
    while (digits !== 0n && digits % 10n === 0n) {
      digits /= 10n;
      exponent += 1n;
    }
    this.negative = negative;
    this.digits = digits;
    this.exponent = digits === 0n ? 0n : exponent;
  }

  static of(spelled: string): Decimal {
    const [, minus, whole = "", fraction = "", exponent = "0"] =
      /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(spelled) ?? [];
    const power = BigInt(exponent.replace("+", "")) - BigInt(fraction.length);
    return new Decimal(minus === "-", BigInt(whole + fraction), power);
  }

  /** Zero has a sign, too: some readers tell 0 from -0. */
  equals(other: Decimal): boolean {
    return this.negative === other.negative && this.digits === other.digits && this.exponent === other.exponent;
  }
}

export interface Cell {
  value: Model;
}

export interface Member extends Cell {
  readonly name: string;
}

export class List {
  cells: Cell[];

  constructor(cells: Cell[]) {
    this.cells = cells;
  }
}

export class Members {
  cells: Member[];

  constructor(cells: Member[]) {
    this.cells = cells;
  }
}

export type Model = null | boolean | string | Decimal | List | Members;

export function copyOf(model: Model): Model {
  if (model instanceof List) return new List(model.cells.map(({ value }) => ({ value: copyOf(value) })));
  if (!(model instanceof Members)) return model;
  return new Members(model.cells.map(({ name, value }) => ({ name, value: copyOf(value) })));
}

/** Lists in order; of members the n-th of a name against the n-th of that name. */
export function areEqual(a: Model, b: Model): boolean {
  if (a instanceof Decimal) return b instanceof Decimal && a.equals(b);
  if (a instanceof List) {
    if (!(b instanceof List) || a.cells.length !== b.cells.length) return false;
    return a.cells.every(({ value }, i) => areEqual(value, (b.cells[i] as Cell).value));
  }
  if (a instanceof Members) {
    if (!(b instanceof Members) || a.cells.length !== b.cells.length) return false;
    const names = new Set([...a.cells, ...b.cells].map(({ name }) => name));
    return [...names].every((name) => {
      const ofA = a.cells.filter((member) => member.name === name);
      const ofB = b.cells.filter((member) => member.name === name);
      return ofA.length === ofB.length && ofA.every(({ value }, i) => areEqual(value, (ofB[i] as Cell).value));
    });
  }
  return a === b;
}

/** A text of the value, read by recursion and one regular expression a token. Throws where it is no JSON. */
export function readModel(text: string): Model {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|true|false|null|-?\d[\d.eE+-]*/gs) ?? [];
  if (tokens.join("") !== text.replace(/("(?:[^"\\]|\\.)*")|\s+/gs, "$1")) throw new Error(`no JSON: ${text}`);
  let next = 0;
  const take = (): string => tokens[next++] ?? "";
  const value = (): Model => {
    const token = take();
    if (token === "null") return null;
    if (token === "true" || token === "false") return token === "true";
    if (token.startsWith('"')) return readString(token);
    if (/^[-\d]/.test(token)) return Decimal.of(token);
    const cells: Member[] = [];
    const end = token === "[" ? "]" : "}";
    while (tokens[next] !== end) {
      if (cells.length > 0 && take() !== ",") throw new Error(`no comma: ${text}`);
      const name = token === "{" ? readString(take()) : "";
      if (token === "{" && take() !== ":") throw new Error(`no colon: ${text}`);
      cells.push({ name, value: value() });
    }
    next += 1;
    return token === "[" ? new List(cells.map((cell) => ({ value: cell.value }))) : new Members(cells);
  };
  const read = value();
  if (next !== tokens.length) throw new Error(`more than one value: ${text}`);
  return read;
}

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

function readString(token: string): string {
  return token.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_, hex: string | undefined, letter: string) => {
    return hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16));
  });
}

/** One of the spellings of a value. `chance` gives numbers in [0, 1). */
export function spellModel(model: Model, chance: () => number): string {
  const space = (): string => (chance() < 0.85 ? "" : ([" ", "\n", "\t", "\r\n "][Math.floor(chance() * 4)] as string));
  const spell = (value: Model): string => {
    if (value instanceof Decimal) return spellDecimal(value, chance);
    if (typeof value === "string") return spellString(value, chance);
    if (value instanceof List) return `[${value.cells.map((cell) => around(spell(cell.value))).join()}${space()}]`;
    if (!(value instanceof Members)) return String(value);
    const members = reordered(value.cells, chance).map((member) => {
      return `${around(spellString(member.name, chance))}:${around(spell(member.value))}`;
    });
    return `{${members.join()}${space()}}`;
  };
  const around = (text: string): string => space() + text + space();
  return around(spell(model));
}

/** Members in any order, those of one name in theirs. */
function reordered(members: readonly Member[], chance: () => number): readonly Member[] {
  const keyed = members.map((member) => [chance(), member] as const).sort(([a], [b]) => a - b);
  const left = new Map<string, Member[]>();
  for (const member of members) left.set(member.name, [...(left.get(member.name) ?? []), member]);
  return keyed.map(([, { name }]) => left.get(name)?.shift() as Member);
}

export function spellDecimal({ negative, digits, exponent }: Decimal, chance: () => number): string {
  const sign = negative ? "-" : "";
  const zeros = chance() < 0.5 ? 0 : Math.floor(chance() * 4);
  const figures = `${digits}${digits === 0n ? "" : "0".repeat(zeros)}`;
  const power = digits === 0n ? BigInt(Math.floor(chance() * 9)) : exponent - BigInt(zeros);
  const places = Number(-power);
  if (chance() < 0.5 && places >= -30 && places <= 30) {
    if (places <= 0) return sign + figures + (digits === 0n ? "" : "0".repeat(-places));
    const padded = figures.padStart(places + 1, "0");
    return `${sign}${padded.slice(0, -places)}.${padded.slice(-places)}`;
  }
  const cut = chance() < 0.2 ? 0 : 1 + Math.floor(chance() * figures.length);
  const lead = cut === 0 ? "0.".concat("0".repeat(zeros)) : figures.slice(0, cut);
  const mantissa = cut === 0 ? lead + figures : cut < figures.length ? `${lead}.${figures.slice(cut)}` : lead;
  const scale = power + BigInt(cut === 0 ? figures.length + zeros : figures.length - cut);
  if (digits === 0n && !/^0(\.0+)?$/.test(mantissa)) return `${sign}0`;
  const mark = chance() < 0.5 ? "e" : "E";
  const plus = scale >= 0n && chance() < 0.5 ? "+" : "";
  return `${sign}${mantissa}${scale === 0n && chance() < 0.5 ? "" : mark + plus + String(scale)}`;
}

function spellString(text: string, chance: () => number): string {
  let spelled = "";
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    const short = Object.entries(ESCAPES).find(([, character]) => character === text[i])?.[0];
    const isPair = /^[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(i, i + 2));
    if (isPair && chance() < 0.7) {
      spelled += text.slice(i, i + 2);
      i += 1;
    } else if (short !== undefined && chance() < 0.6) {
      spelled += `\\${short}`;
    } else if ('"\\/'.includes(text[i] as string) && chance() < 0.6) {
      spelled += `\\${text[i]}`;
    } else if (unit < 0x20 || '"\\'.includes(text[i] as string) || /[\ud800-\udfff]/.test(text[i] as string)) {
      spelled += escaped(unit, chance);
    } else {
      spelled += chance() < 0.85 ? text[i] : escaped(unit, chance);
    }
  }
  return `"${spelled}"`;
}

function escaped(unit: number, chance: () => number): string {
  const hex = unit.toString(16).padStart(4, "0");
  return `\\u${chance() < 0.5 ? hex : hex.toUpperCase()}`;
}

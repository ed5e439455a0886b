import { BROKEN, MINUS, NINE, QUOTE, Scanner, SPACE, ZERO } from "./scanner.ts";
import { JsonObject, type JsonValue } from "./value.ts";

const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const F = 0x66;
const N = 0x6e;
const T = 0x74;

const EMPTY: readonly never[] = [];
const EMPTY_OBJECT = new JsonObject(EMPTY, EMPTY);

/** What `run` answers where it stopped as it was told; it can go on from there. */
export const PAUSED = Symbol("paused");

/** For `run`: no place to pause at. A small integer to V8, and beyond the longest string. */
export const NEVER = 0x3fffffff;

export type ReaderEnd = JsonValue | typeof BROKEN | typeof PAUSED;

/** Stands for a value that has not been read yet. */
const NOT_READ = Symbol("not read");

/** Another reader for which one reads on. */
interface Twin {
  readonly reader: Reader;
  /** In the reader's own stacks: where what it read for itself alone ends, in the innermost container still open then. */
  ownValues: number;
  ownNames: number;
  /** What the other would have read as the last container that closed for both. */
  value: JsonValue | typeof NOT_READ;
}

/** Reads one JSON text, in one go or in steps. */
export class Reader extends Scanner {
  /**
   * Members of the containers that are open lie side by side on two stacks and are cut off in one piece when their
   * container ends: no array ever grows by itself.
   */
  #values: JsonValue[] = [];
  #names: string[] = [];
  #valuesTop = 0;
  #namesTop = 0;
  /** Per open container: where its values begin, and its names (-1: an array). */
  #valueStarts: number[] = [];
  #nameStarts: number[] = [];
  /** When paused: a value that has ended and is not yet a member of what is open. */
  #held: JsonValue | typeof NOT_READ = NOT_READ;
  #twin: Twin | null = null;

  static ofText(text: string): Reader {
    const bytes = Buffer.allocUnsafe(Buffer.byteLength(text) + 1);
    // A lone surrogate becomes a character of as many bytes; the text still has it.
    bytes.write(text);
    bytes[bytes.length - 1] = 0;
    return new Reader(bytes, text);
  }

  /** They must be UTF-8. */
  static ofBytes(utf8: Uint8Array): Reader {
    const bytes = Buffer.allocUnsafe(utf8.length + 1);
    bytes.set(utf8);
    bytes[utf8.length] = 0;
    return new Reader(bytes, bytes.toString("utf8", 0, utf8.length));
  }

  get bytesLeft(): number {
    return this.end - this.at;
  }

  /** A reader of another text that is the same up to where this one has paused. */
  forkFor(utf8: Uint8Array): Reader {
    const fork = Reader.ofBytes(utf8);
    fork.at = this.at;
    fork.shift = this.shift;
    fork.#values = this.#values.slice(0, this.#valuesTop);
    fork.#names = this.#names.slice(0, this.#namesTop);
    fork.#valuesTop = this.#valuesTop;
    fork.#namesTop = this.#namesTop;
    fork.#valueStarts = this.#valueStarts.slice();
    fork.#nameStarts = this.#nameStarts.slice();
    fork.#held = this.#held;
    return fork;
  }

  /**
   * Of two readers that have paused before the same bytes: whether these bytes mean the same to both, inside a container.
   * Then `other` need read no more: this one builds, from here on, what both read (`twinValue`).
   */
  adopt(other: Reader): boolean {
    const depth = this.#valueStarts.length;
    if (depth === 0 || depth !== other.#valueStarts.length) return false;
    if ((this.#held === NOT_READ) !== (other.#held === NOT_READ)) return false;
    for (let i = 0; i < depth; i += 1) {
      if ((this.#nameStarts[i] as number) < 0 !== (other.#nameStarts[i] as number) < 0) return false;
    }
    let ownValues = this.#valuesTop;
    if (this.#held !== NOT_READ) {
      // This one's becomes a member when it goes on.
      ownValues += 1;
      other.#values[other.#valuesTop++] = other.#held as JsonValue;
      other.#held = NOT_READ;
    }
    this.#twin = { reader: other, ownValues, ownNames: this.#namesTop, value: NOT_READ };
    return true;
  }

  /** What the reader that was adopted would have read, once this one has come to its end. */
  get twinValue(): JsonValue {
    return this.#twin?.value as JsonValue;
  }

  /**
   * Reads on to the end, or pauses between two tokens: at the first such place at or past `pauseAt`, or before a token whose
   * reading looks at bytes at or past `pauseBefore`.
   */
  run(pauseAt: number, pauseBefore: number): ReaderEnd {
    const bytes = this.bytes;
    const values = this.#values;
    const names = this.#names;
    const valueStarts = this.#valueStarts;
    const nameStarts = this.#nameStarts;
    /** Down to the root every container that closes does so for both. */
    let twinDepth = this.#twin === null ? 0 : valueStarts.length;
    let valuesTop = this.#valuesTop;
    let namesTop = this.#namesTop;
    let held = this.#held;

    for (;;) {
      let value: JsonValue;
      if (held === NOT_READ) {
        // A value begins here.
        const from = this.at;
        let start = from;
        let first = bytes[start] as number;
        if (first <= SPACE) {
          start = this.skipSpace(from);
          this.at = start;
          first = bytes[start] as number;
        }
        if (start >= pauseAt) return this.#pause(start, valuesTop, namesTop, NOT_READ);
        const shift = this.shift;
        if (first === QUOTE) {
          const read = this.string(start + 1);
          if (read === BROKEN) return BROKEN;
          value = read;
        } else if (first === OPEN_OBJECT) {
          this.at = this.skipSpace(start + 1);
          if (bytes[this.at] !== CLOSE_OBJECT) {
            const name = this.name();
            if (name === BROKEN) return BROKEN;
            if (this.at >= pauseBefore) {
              this.shift = shift;
              return this.#pause(from, valuesTop, namesTop, NOT_READ);
            }
            valueStarts.push(valuesTop);
            nameStarts.push(namesTop);
            names[namesTop++] = name;
            continue;
          }
          this.at += 1;
          value = EMPTY_OBJECT;
        } else if (first === OPEN_ARRAY) {
          this.at = this.skipSpace(start + 1);
          if (bytes[this.at] !== CLOSE_ARRAY) {
            if (this.at >= pauseBefore) return this.#pause(from, valuesTop, namesTop, NOT_READ);
            valueStarts.push(valuesTop);
            nameStarts.push(-1);
            continue;
          }
          this.at += 1;
          value = EMPTY;
        } else if (first === MINUS || (first >= ZERO && first <= NINE)) {
          const read = this.number(start, first);
          if (read === BROKEN) return BROKEN;
          value = read;
        } else if (first === T && this.isWord("true")) {
          this.at += 4;
          value = true;
        } else if (first === F && this.isWord("false")) {
          this.at += 5;
          value = false;
        } else if (first === N && this.isWord("null")) {
          this.at += 4;
          value = null;
        } else {
          return this.fail(start === this.end ? "the text ends where a value should begin" : "no value begins here");
        }
        if (this.at >= pauseBefore) {
          this.shift = shift;
          return this.#pause(from, valuesTop, namesTop, NOT_READ);
        }
      } else {
        value = held;
        held = NOT_READ;
      }

      // A value has ended; so may have containers that it was the last of.
      for (;;) {
        const ended = this.at;
        let at = ended;
        let next = bytes[at] as number;
        if (next <= SPACE) {
          at = this.skipSpace(ended);
          this.at = at;
          next = bytes[at] as number;
        }
        if (at >= pauseBefore) return this.#pause(ended, valuesTop, namesTop, value);
        if (at >= pauseAt) return this.#pause(at, valuesTop, namesTop, value);
        const depth = valueStarts.length;
        if (depth === 0) return at === this.end ? value : this.fail("something follows the value");
        const nameStart = nameStarts[depth - 1] as number;
        if (next === COMMA) {
          this.at = at + 1;
          if (nameStart >= 0) {
            const shift = this.shift;
            this.at = this.skipSpace(at + 1);
            const name = this.name();
            if (name === BROKEN) return BROKEN;
            if (this.at >= pauseBefore) {
              this.shift = shift;
              return this.#pause(at, valuesTop, namesTop, value);
            }
            names[namesTop++] = name;
          }
          values[valuesTop++] = value;
          break;
        }
        if (next !== (nameStart >= 0 ? CLOSE_OBJECT : CLOSE_ARRAY)) {
          return this.fail(nameStart >= 0 ? "a comma or } should stand here" : "a comma or ] should stand here");
        }
        this.at = at + 1;
        values[valuesTop++] = value;
        const valueStart = valueStarts.pop() as number;
        nameStarts.pop();
        const members = values.slice(valueStart, valuesTop);
        valuesTop = valueStart;
        if (nameStart >= 0) {
          const memberNames = names.slice(nameStart, namesTop);
          namesTop = nameStart;
          if (depth === twinDepth) {
            this.#closeTwin(valueStart, members, nameStart, memberNames);
            twinDepth -= 1;
          }
          value = new JsonObject(memberNames, members);
        } else {
          if (depth === twinDepth) {
            this.#closeTwin(valueStart, members, -1, EMPTY);
            twinDepth -= 1;
          }
          value = members;
        }
      }
    }
  }

  #pause(at: number, valuesTop: number, namesTop: number, held: JsonValue | typeof NOT_READ): typeof PAUSED {
    this.at = at;
    this.#valuesTop = valuesTop;
    this.#namesTop = namesTop;
    this.#held = held;
    return PAUSED;
  }

  /**
   * The container that this one has just closed, as the twin has it: the members that the twin had read itself, then the
   * container within that it closed before, if any, then all that this one read for both.
   */
  #closeTwin(valueStart: number, members: JsonValue[], nameStart: number, names: readonly string[]): void {
    const twin = this.#twin as Twin;
    const other = twin.reader;
    const otherValueStart = other.#valueStarts.pop() as number;
    const own = other.#values.slice(otherValueStart, other.#valuesTop);
    other.#valuesTop = otherValueStart;
    let shared = twin.ownValues - valueStart;
    twin.ownValues = valueStart;
    if (twin.value !== NOT_READ) {
      own.push(twin.value);
      shared += 1;
    }
    const twinMembers = joined(own, members, shared);
    const otherNameStart = other.#nameStarts.pop() as number;
    if (nameStart < 0) {
      twin.value = twinMembers;
      return;
    }
    const ownNames = other.#names.slice(otherNameStart, other.#namesTop);
    other.#namesTop = otherNameStart;
    const twinNames = joined(ownNames, names, twin.ownNames - nameStart);
    twin.ownNames = nameStart;
    twin.value = new JsonObject(twinNames, twinMembers);
  }
}

/** The one, and of the other what stands from an index on; may change the one. */
function joined<T>(own: T[], other: readonly T[], from: number): T[] {
  // Calling for a few would take longer than putting them there.
  if (other.length - from > 16) return own.concat(other.slice(from));
  for (let i = from; i < other.length; i += 1) own.push(other[i] as T);
  return own;
}

/**
 * Members of a JSON text under other names or in other objects; all else keeps its place and spelling. Pure.
 */
import { JsonNumber, JsonObject, type JsonValue } from "./value.ts";

/** Pointer tokens. Up to its last `*` both say the same: a member stays within its element. */
export interface Move {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Why no member can be moved so, as a predicate about `to`; null: it can. */
export function moveProblem({ from, to }: Move): string | null {
  if ([from, to].some((tokens) => tokens.length === 0 || tokens.at(-1) === "*")) return "names no single member";
  if (from.includes("**") || to.includes("**")) return "has **, which does not tell where a member goes";
  const scope = scopeOf(from);
  const same = scope.length === scopeOf(to).length && scope.every((token, i) => token === to[i]);
  return same ? null : "does not say the same up to its last *: a member stays within its element";
}

/** Up to the last `*`. */
function scopeOf(tokens: readonly string[]): readonly string[] {
  return tokens.slice(0, tokens.lastIndexOf("*") + 1);
}

/** In each element all members are taken out before the first is put in, so that two may trade places. */
export function moveMembers(value: JsonValue, moves: readonly Move[]): JsonValue {
  const byScope = new Map<string, Move[]>();
  for (const move of moves) {
    const name = JSON.stringify(scopeOf(move.from));
    byScope.set(name, [...(byScope.get(name) ?? []), move]);
  }
  let moved = value;
  for (const together of byScope.values()) {
    const scope = scopeOf((together[0] as Move).from);
    const within = together.map(({ from, to }) => ({ from: from.slice(scope.length), to: to.slice(scope.length) }));
    moved = inEach(moved, scope, (element) => moveIn(element, within));
  }
  return moved;
}

/** An element that `change` gives back as it was, and all around it, stays the same object. */
function inEach(value: JsonValue, scope: readonly string[], change: (element: JsonValue) => JsonValue): JsonValue {
  const [token, ...rest] = scope;
  if (token === undefined) return change(value);
  const goOn = (inner: JsonValue): JsonValue => inEach(inner, rest, change);
  if (typeof value !== "object" || value === null || value instanceof JsonNumber) return value;
  if (!(value instanceof JsonObject)) return token === "*" ? changed(value, value.map(goOn)) : value;
  const { names, values } = value;
  const inner = changed(
    values,
    values.map((each, i) => (token === "*" || names[i] === token ? goOn(each) : each)),
  );
  return inner === values ? value : new JsonObject(names, inner);
}

function changed<T>(before: readonly T[], after: readonly T[]): readonly T[] {
  return after.some((each, i) => each !== before[i]) ? after : before;
}

function moveIn(element: JsonValue, moves: readonly Move[]): JsonValue {
  let left = element;
  const taken = moves.map(({ from, to }) => {
    const values: JsonValue[] = [];
    const rest = take(left, from, values);
    left = rest === GONE ? new JsonObject([], []) : rest;
    return { to, values };
  });
  if (taken.every(({ values }) => values.length === 0)) return element;
  for (const { to, values } of taken) if (values.length > 0) left = put(left, to, values);
  return left;
}

/** Without the members and elements at these places, each the tokens of a pointer without `*`. */
export function removePlaces(value: JsonValue, places: readonly (readonly string[])[]): JsonValue {
  if (places.length === 0 || typeof value !== "object" || value === null || value instanceof JsonNumber) return value;
  const children = value instanceof JsonObject ? value.values : value;
  const nameOf = (i: number): string => (value instanceof JsonObject ? (value.names[i] as string) : String(i));
  const kept: { readonly name: string; readonly value: JsonValue }[] = [];
  for (const [i, child] of children.entries()) {
    const name = nameOf(i);
    const inside = places.filter(([first]) => first === name).map(([, ...rest]) => rest);
    if (inside.some(({ length }) => length === 0)) continue;
    kept.push({ name, value: removePlaces(child, inside) });
  }
  const values = kept.map((each) => each.value);
  if (!(value instanceof JsonObject)) return values;
  return new JsonObject(
    kept.map(({ name }) => name),
    values,
  );
}

/** Of an object all of whose members were taken. */
const GONE = Symbol("gone");

/** What is left. A name that stands there twice is taken twice. */
function take(value: JsonValue, [name, ...rest]: readonly string[], taken: JsonValue[]): JsonValue | typeof GONE {
  if (!(value instanceof JsonObject) || name === undefined || !value.names.includes(name)) return value;
  const names: string[] = [];
  const values: JsonValue[] = [];
  for (const [i, each] of value.values.entries()) {
    const isNamed = value.names[i] === name;
    if (isNamed && rest.length === 0) {
      taken.push(each);
      continue;
    }
    const kept = isNamed ? take(each, rest, taken) : each;
    if (kept === GONE) continue;
    names.push(value.names[i] as string);
    values.push(kept);
  }
  return names.length === 0 ? GONE : new JsonObject(names, values);
}

/** What has that name there gives way. Where something else than an object is in the way, that gives way too. */
function put(value: JsonValue, [name, ...rest]: readonly string[], put_: readonly JsonValue[]): JsonValue {
  const { names, values } = value instanceof JsonObject ? value : new JsonObject([], []);
  const token = name as string;
  const at = names.lastIndexOf(token);
  const others = names.flatMap((each, i) => (each === token ? [] : [i]));
  const written =
    rest.length === 0 ? put_ : [put(at === -1 ? new JsonObject([], []) : (values[at] as JsonValue), rest, put_)];
  return new JsonObject(
    [...others.map((i) => names[i] as string), ...written.map(() => token)],
    [...others.map((i) => values[i] as JsonValue), ...written],
  );
}

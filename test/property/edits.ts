/** Random models, and edits of them whose differences compare lists in full. */
import fc from "fast-check";
import { type Cell, copyOf, Decimal, List, type Member, Members, type Model } from "./json-oracle.ts";

const texts = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.constantFrom("", "a", "\u0000", '\n"\\/', "é", "😀", "\ud83d", "\udc00", "\u2028", "null", "1", "\b\f\r\t"),
);
const names = fc.oneof(
  fc.constantFrom("id", "a", "b", "", "a/b", "m~n", "__proto__", "constructor", "toString", "0", "é", "\ud800", "*"),
  fc.string({ maxLength: 3 }),
);

const integers = fc.oneof(
  fc.bigInt({ min: 0n, max: 20n }),
  fc.bigInt({ min: 0n, max: 10n ** 25n }),
  fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 64n - 1n),
);
const exponents = fc.oneof(
  fc.constant(0n),
  fc.bigInt({ min: -12n, max: 12n }),
  fc.constantFrom(-400n, 400n, 10n ** 25n, -(10n ** 25n)),
);
export const decimals = fc
  .tuple(fc.boolean(), integers, exponents)
  .map(([negative, digits, exponent]) => new Decimal(negative, digits, exponent));

const scalars: fc.Arbitrary<Model> = fc.oneof(fc.constantFrom(null, true, false), decimals, texts);

/** `duplicates`: whether an object may have a name twice. */
export function models(duplicates: boolean, leaves: fc.Arbitrary<Model> = scalars): fc.Arbitrary<Model> {
  return fc.letrec<{ model: Model }>((tie) => {
    const member = fc.record({ name: names, value: tie("model") });
    const members = duplicates
      ? fc.array(member, { maxLength: 4 })
      : fc.uniqueArray(member, { maxLength: 4, selector: ({ name }) => name });
    return {
      model: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        leaves,
        fc
          .array(tie("model"), { maxLength: 4 })
          .map((values): Model => new List(values.map((value): Cell => ({ value })))),
        members.map((cells): Model => new Members(cells)),
      ),
    };
  }).model;
}

export interface Edit {
  readonly kind: "set" | "delete" | "insert member" | "insert elements" | "remove elements" | "shuffle";
  /** Which of the places that such an edit can be made at. */
  readonly pick: number;
  /** Where in that place. */
  readonly at: number;
  readonly name: string;
  readonly values: readonly Model[];
}

export const edits: fc.Arbitrary<readonly Edit[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "delete", "insert member", "insert elements", "remove elements", "shuffle"),
    pick: fc.nat(),
    at: fc.nat(),
    name: names,
    values: fc.array(models(false), { minLength: 1, maxLength: 2 }),
  }),
  { maxLength: 6 },
);

/** The places of a model that may still be edited, each with the lists that it lies in. */
interface Places {
  readonly cells: { readonly cell: Cell; readonly within: readonly List[] }[];
  readonly objects: { readonly object: Members; readonly within: readonly List[] }[];
  readonly lists: { readonly list: List; readonly within: readonly List[] }[];
}

/**
 * Edits a copy. `cost`: how many differences there can be at most. A list is edited either in its elements, or as a whole and
 * once; what an edit put there, or took away, is not edited again: else more than the edits would differ.
 */
export function edited(original: Model, list: readonly Edit[]): { readonly model: Model; readonly cost: number } {
  const root: Cell = { value: copyOf(original) };
  const settled = new Set<Cell>();
  const restructured = new Set<List>();
  const editedWithin = new Set<List>();
  const namesGone = new Map<Members, Set<string>>();
  let cost = 0;

  for (const { kind, pick, at, name, values } of list) {
    const places = placesOf(root, settled, restructured);
    const lists = places.lists.filter(({ list: each }) => !editedWithin.has(each));
    const chosen = <T extends { readonly within: readonly List[] }>(from: readonly T[]): T | undefined => {
      const found = from[pick % Math.max(1, from.length)];
      for (const each of found?.within ?? []) editedWithin.add(each);
      return found;
    };
    const value = copyOf(values[0] as Model);
    if (kind === "set") {
      const found = chosen(places.cells);
      if (found === undefined || isSameContainer(found.cell.value, value)) continue;
      if (isContainer(found.cell.value) || isContainer(value)) settled.add(found.cell);
      found.cell.value = value;
      cost += 1;
    } else if (kind === "delete") {
      const found = chosen(places.objects.filter(({ object }) => object.cells.length > 0));
      if (found === undefined) continue;
      const [gone] = found.object.cells.splice(at % found.object.cells.length, 1);
      const known = namesGone.get(found.object) ?? new Set();
      namesGone.set(found.object, known.add((gone as Member).name));
      cost += 1;
    } else if (kind === "insert member") {
      const found = chosen(places.objects);
      if (found === undefined || namesGone.get(found.object)?.has(name) === true) continue;
      if (found.object.cells.some((member) => member.name === name)) continue;
      const member = { name, value };
      found.object.cells.splice(at % (found.object.cells.length + 1), 0, member);
      settled.add(member);
      cost += 1;
    } else {
      const found = chosen(lists);
      if (found === undefined) continue;
      const { cells } = found.list;
      if (kind === "insert elements") {
        cells.splice(at % (cells.length + 1), 0, ...values.map((each) => ({ value: copyOf(each) })));
        cost += values.length;
      } else if (kind === "remove elements") {
        cost += cells.splice(at % (cells.length + 1), values.length).length;
      } else {
        cells.push(...cells.splice(0, at % (cells.length + 1)));
        cost += cells.length;
      }
      restructured.add(found.list);
    }
  }
  return { model: root.value, cost };
}

function placesOf(root: Cell, settled: ReadonlySet<Cell>, restructured: ReadonlySet<List>): Places {
  const places: Places = { cells: [], objects: [], lists: [] };
  const visit = (cell: Cell, within: readonly List[]): void => {
    if (settled.has(cell)) return;
    places.cells.push({ cell, within });
    const { value } = cell;
    if (value instanceof Members) {
      places.objects.push({ object: value, within });
      for (const member of value.cells) visit(member, within);
    } else if (value instanceof List && !restructured.has(value)) {
      places.lists.push({ list: value, within });
      for (const element of value.cells) visit(element, [...within, value]);
    }
  };
  visit(root, []);
  return places;
}

function isContainer(model: Model): boolean {
  return model instanceof List || model instanceof Members;
}

function isSameContainer(a: Model, b: Model): boolean {
  return (a instanceof List && b instanceof List) || (a instanceof Members && b instanceof Members);
}

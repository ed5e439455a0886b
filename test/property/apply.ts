/** Applies differences, as evidence tells them, to a model. */
import type { Difference } from "../../proxy/evidence/evidence.ts";
import { type Cell, copyOf, List, Members, type Model, readModel } from "./json-oracle.ts";

/** `printed`: no text of it was cut. Throws where a difference is not about a place of the model. */
export function applied(original: Model, differences: readonly Difference[]): Model {
  const root: Cell = { value: copyOf(original) };
  const removals: (() => void)[] = [];
  const additions: (() => void)[] = [];
  for (const { at, kind, primary, shadow } of differences) {
    const tokens = tokensOf(at);
    const last = tokens.pop();
    if (last === undefined) {
      root.value = readModel(shadow ?? "");
      continue;
    }
    const parent = tokens.reduce((cell, token) => cellAt(cell.value, token), root).value;
    if (kind === "extra") {
      additions.push(() => add(parent, last, readModel(shadow ?? "")));
      continue;
    }
    const cell = cellAt(parent, last);
    // Told as it was found: its place is right and so is what stood there.
    if (primary === null || shadow === null) {
      if (kind !== "missing" || primary === null) throw new Error(`${kind} without a value`);
      removals.push(() => remove(parent, cell));
    } else {
      cell.value = readModel(shadow);
    }
  }
  for (const step of removals) step();
  for (const step of additions) step();
  return root.value;
}

/** What stands at a pointer in the model. */
export function valueAt(model: Model, pointer: string): Model {
  return tokensOf(pointer).reduce((cell, token) => cellAt(cell.value, token), { value: model } as Cell).value;
}

function tokensOf(pointer: string): string[] {
  if (pointer !== "" && !pointer.startsWith("/")) throw new Error(`no pointer: ${pointer}`);
  const tokens = pointer.split("/").slice(1);
  return tokens.map((token) => token.replace(/~[01]/g, (escape) => (escape === "~0" ? "~" : "/")));
}

function cellAt(model: Model, token: string): Cell {
  let cell: Cell | undefined;
  if (model instanceof List) cell = /^(?:0|[1-9]\d*)$/.test(token) ? model.cells[Number(token)] : undefined;
  else if (model instanceof Members) cell = model.cells.find(({ name }) => name === token);
  if (cell === undefined) throw new Error(`nothing at ${token}`);
  return cell;
}

function remove(parent: Model, cell: Cell): void {
  if (parent instanceof List) parent.cells = parent.cells.filter((each) => each !== cell);
  else if (parent instanceof Members) parent.cells = parent.cells.filter((each) => each !== cell);
}

/** An index is one of the shadow's. */
function add(parent: Model, token: string, value: Model): void {
  if (parent instanceof List) {
    if (Number(token) > parent.cells.length) throw new Error(`no place for ${token}`);
    parent.cells.splice(Number(token), 0, { value });
  } else if (parent instanceof Members) {
    parent.cells.push({ name: token, value });
  }
}

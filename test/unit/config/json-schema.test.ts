import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonSchemaIsCurrent, makeJsonSchema } from "../../../proxy/config/json-schema.ts";

type Schema = { readonly [key: string]: unknown };

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function spelled(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Every property of every object in the schema, with its path. */
function* properties(schema: unknown, path = ""): Generator<readonly [path: string, property: Schema]> {
  if (!isSchema(schema)) return;
  for (const [name, property] of Object.entries(isSchema(schema["properties"]) ? schema["properties"] : {})) {
    if (isSchema(property)) yield [`${path}.${name}`, property];
    yield* properties(property, `${path}.${name}`);
  }
  for (const inner of ["items", "additionalProperties"]) yield* properties(schema[inner], `${path}.*`);
}

test("the committed schema is current", () => {
  assert.ok(jsonSchemaIsCurrent(), "run node proxy/config/json-schema.ts --write");
});

test("every property says what it does", () => {
  const all = [...properties(makeJsonSchema())];
  assert.ok(all.length > 60);
  for (const [path, property] of all) assert.match(spelled(property["description"]), /^.{10,}\.$/, path);
});

test("every property that may be left out names its default", () => {
  // Containers, and what has no default: names, addresses, declarations.
  const none =
    /^\.(admin|divergenceLog|limits|journal|member|services|defaults)$|\.(mirror|compare|verify|repair|asShadow|asPrimary|own|match|path|at|because|as|within|values|url|effects|token|role|name|legacy|next|tls|ca|cert|key|kind|from|route|source|target|postgres|mysql|sqlite|http|list|page|cursor|after|table|to|column|is|changedAt|since|every)$|\.touches\.\*\.entity$|\.values\.find\.(read|by)$/;
  for (const [path, property] of properties(makeJsonSchema())) {
    if (none.test(path) && !path.endsWith("defaults.next")) continue;
    assert.match(spelled(property["description"]), /Default: /, path);
  }
});

test("unknown keys are errors for editors too, except names of services, headers, methods, members and persisted queries", () => {
  const schema = makeJsonSchema();
  assert.equal(schema["additionalProperties"], false);
  for (const [path, property] of properties(schema)) {
    if (
      property["type"] !== "object" ||
      path === ".services" ||
      /\.(headers|persisted|transform\.methods|kinds)$/.test(path)
    )
      continue;
    assert.equal(property["additionalProperties"], false, path);
  }
});

test("patterns of quantities take what is documented, and variables", () => {
  const found = new Map([...properties(makeJsonSchema())].map(([path, { pattern }]) => [path, pattern]));
  const table: readonly (readonly [path: string, good: readonly string[], bad: readonly string[]])[] = [
    [".limits.queued", ["64MiB", "1.5GiB", "10 MB", "${QUEUED}", "${QUEUED:-64MiB}"], ["64", "64mib", ""]],
    [".divergenceLog.keep", ["7d", "250ms"], ["7", "7w"]],
    [".services.next.asShadow.rate", ["200/s", "600/m"], ["200"]],
    [".defaults.mirror.reads", ["5%", "0.5%"], ["5"]],
  ];
  for (const [path, good, bad] of table) {
    const pattern = new RegExp(spelled(found.get(path)), "u");
    for (const text of good) assert.match(text, pattern, path);
    for (const text of bad) assert.doesNotMatch(text, pattern, path);
  }
});

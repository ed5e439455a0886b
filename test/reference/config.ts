/** `docs/reference/config.md`: every setting, from the schema that reads them. Pure. */
import { makeJsonSchema } from "../../proxy/config/json-schema.ts";
import { alternativesOf, GENERATED, row, type Schema, tableHead, typeOf } from "./json-schema.ts";

const PLAIN = /^[\w-]+$/;

export function configReference(): string {
  const { properties = {} } = makeJsonSchema() as Schema;
  const sections = Object.entries(properties).map(([name, schema]) => sectionOf(name, schema, properties));
  return `${GENERATED}

# Settings

Every setting of \`crossfade.yaml\`. Unknown ones are errors that name the nearest known. \`\${NAME}\` and \`\${NAME:-default}\` in a value are taken from
the environment. Sizes and times carry their units (\`64MiB\`, \`5s\`). Editors check a file against [crossfade.schema.json](../../deploy/crossfade.schema.json);
\`crossfade check\` does, and looks at more. A file with two service URLs is complete:

\`\`\`yaml
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
\`\`\`

In paths \`[]\` stands for any entry of a list, \`NAME\` for any name.

${sections.join("\n\n")}
`;
}

function sectionOf(name: string, schema: Schema, all: Readonly<Record<string, Schema>>): string {
  const head = `## ${name}\n\n${schema.description ?? ""}`;
  const below = [...settingsBelow(name, schema)];
  if (below.length === 0) return `${head}\n\nTakes: ${takes(schema)}.`;
  const ofRoutes = new Set([...settingsBelow("routes", all["routes"] ?? {})].map(({ path }) => path));
  if (name === "defaults" && below.every(({ path }) => ofRoutes.has(path.replace("defaults", "routes[]")))) {
    const names = Object.keys(schema.properties ?? {}).map((each) => `\`${each}\``);
    return `${head}\n\nTakes what [a route](#routes) takes, but for its name and what it matches: ${names.join(", ")}.`;
  }
  const rows = below.map(({ path, schema: each, required }) =>
    row(`\`${path}\`${required ? " (required)" : ""}`, takes(each), each.description ?? ""),
  );
  return [head, "", tableHead("setting", "takes", "what it does"), ...rows].join("\n");
}

interface Setting {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

/** In the order of the file; objects stand before what is in them. */
function* settingsBelow(path: string, schema: Schema): Generator<Setting> {
  for (const kind of alternativesOf(schema) ?? [schema]) {
    if (kind.items !== undefined) yield* settingsBelow(`${path}[]`, kind.items);
    if (typeof kind.additionalProperties === "object") yield* settingsBelow(`${path}.NAME`, kind.additionalProperties);
    for (const [name, each] of Object.entries(kind.properties ?? {})) {
      // Each takes what any does.
      if (path === "services") continue;
      const at = `${path}.${PLAIN.test(name) ? name : `"${name}"`}`;
      yield { path: at, schema: each, required: kind.required?.includes(name) === true };
      yield* settingsBelow(at, each);
    }
  }
}

function takes(schema: Schema): string {
  const example = schema.examples?.[0];
  const shown =
    example === undefined ? "" : `, as \`${typeof example === "string" ? example : JSON.stringify(example)}\``;
  return `${typeOf(schema)}${shown}`;
}

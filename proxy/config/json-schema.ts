/**
 * The JSON Schema of crossfade.yaml, for editors. Run as a script it keeps `deploy/crossfade.schema.json` current:
 * `node proxy/config/json-schema.ts --write`, and `--check` (exit 1 where it is not).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toJSONSchema } from "zod";
import { configSchema } from "./schema.ts";

const FILE = new URL("../../deploy/crossfade.schema.json", import.meta.url);

/** Texts with a variable of the environment in them: what `environment.ts` substitutes before values are read. */
const FROM_ENVIRONMENT = { type: "string", pattern: "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}" } as const;

export function makeJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = toJSONSchema(configSchema, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      const { type } = zodSchema._zod.def;
      if (type !== "enum" && type !== "number" && type !== "boolean") return;
      const { type: valueType, enum: values, minimum, maximum, ...about } = jsonSchema;
      const plain = Object.fromEntries(
        Object.entries({ type: valueType, enum: values, minimum, maximum }).filter(([, value]) => value !== undefined),
      );
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      Object.assign(jsonSchema, { anyOf: [plain, FROM_ENVIRONMENT] }, about);
    },
  });
  return {
    $schema,
    title: "crossfade.yaml",
    description: "Settings of the Crossfade dual-write proxy. A file with two service URLs is complete.",
    ...schema,
  };
}

/** Whether the committed file says what the schema says, however it is laid out. */
export function jsonSchemaIsCurrent(): boolean {
  try {
    const committed: unknown = JSON.parse(readFileSync(FILE, "utf8"));
    return JSON.stringify(committed) === JSON.stringify(makeJsonSchema());
  } catch {
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [action] = process.argv.slice(2);
  if (action === "--write") {
    writeFileSync(FILE, `${JSON.stringify(makeJsonSchema(), null, 2)}\n`);
  } else if (action === "--check") {
    if (!jsonSchemaIsCurrent()) {
      console.error("deploy/crossfade.schema.json is not current; run node proxy/config/json-schema.ts --write");
      process.exitCode = 1;
    }
  } else {
    console.error("usage: node proxy/config/json-schema.ts --write | --check");
    process.exitCode = 2;
  }
}

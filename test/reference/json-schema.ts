/** What a JSON Schema says, in words. Pure. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** `a list of texts`, `` `read`, `bodies` or `operate` ``. `linkTo`: how a reference is spelled. */
export function typeOf(schema: Schema, linkTo: (name: string) => string = (name) => name): string {
  if (schema.$ref !== undefined) return linkTo(schema.$ref.split("/").pop() ?? "");
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return either(schema.enum.map(code));
  const kinds = alternativesOf(schema);
  if (kinds !== null) return either([...new Set(kinds.map((kind) => typeOf(kind, linkTo)))]);
  if (schema.type === "array")
    return `list of ${schema.items === undefined ? "anything" : typeOf(schema.items, linkTo)}`;
  if (schema.type === "string") return "text";
  if (schema.type === "object") {
    const { additionalProperties: values } = schema;
    return typeof values === "object" ? `map of ${typeOf(values, linkTo)}` : "object";
  }
  return schema.type ?? "anything";
}

/** Without the text that stands for a variable of the environment: any scalar may be one. */
export function alternativesOf({ anyOf }: Schema): readonly Schema[] | null {
  return anyOf?.filter(({ pattern }) => pattern?.startsWith("\\$\\{") !== true) ?? null;
}

function code(value: unknown): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function either(kinds: readonly string[]): string {
  return kinds.length < 2 ? (kinds[0] ?? "") : `${kinds.slice(0, -1).join(", ")} or ${kinds.at(-1) ?? ""}`;
}

/** A row of a table; what is in a cell stays in it. */
export function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ")).join(" | ")} |`;
}

export function tableHead(...titles: readonly string[]): string {
  return `${row(...titles)}\n${row(...titles.map(() => "---"))}`;
}

export const GENERATED = "<!-- Made by `node test/reference/run.ts --write`; what is written here by hand is lost. -->";

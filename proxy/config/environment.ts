/**
 * `${NAME}` and `${NAME:-default}` in strings that are parsed already: a value from the environment can never add a key or
 * end a list. `$${` stands for `${` itself. The default acts where the variable is unset or empty, as in a shell.
 */
import type { ConfigPath } from "./message.ts";
import type { Parsed } from "./units.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EnvironmentError {
  readonly path: ConfigPath;
  /** A predicate that follows the setting's name. */
  readonly error: string;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function substituteText(text: string, env: Environment): Parsed<string> {
  let result = "";
  let done = 0;
  for (;;) {
    const open = text.indexOf("${", done);
    if (open === -1) return { ok: true, value: result + text.slice(done) };
    if (text[open - 1] === "$" && open > done) {
      result += `${text.slice(done, open - 1)}\${`;
      done = open + 2;
      continue;
    }
    const close = text.indexOf("}", open);
    if (close === -1) {
      return { ok: false, error: "holds ${ without a closing }; write ${NAME}, or $${ for the characters themselves" };
    }
    const inner = text.slice(open + 2, close);
    const dash = inner.indexOf(":-");
    const name = dash === -1 ? inner : inner.slice(0, dash);
    if (!NAME.test(name)) {
      return { ok: false, error: `uses \${${inner}}, which names no variable; write \${NAME} or \${NAME:-default}` };
    }
    const byDefault = dash === -1 ? undefined : inner.slice(dash + 2);
    const value = byDefault === undefined ? env[name] : env[name] || byDefault;
    if (value === undefined) {
      return { ok: false, error: `uses \${${name}}, which is not set; set it, or write \${${name}:-default}` };
    }
    result += text.slice(done, open) + value;
    done = close + 1;
  }
}

/**
 * A copy of a parsed tree with every string (values, not keys) substituted. `convert` may turn what came from the
 * environment into the kind of value its setting takes: `"1024"` into a number.
 */
export function substituteTree(
  tree: unknown,
  env: Environment,
  convert: (path: ConfigPath, text: string) => unknown,
): { readonly value: unknown; readonly errors: readonly EnvironmentError[] } {
  const errors: EnvironmentError[] = [];
  const visit = (value: unknown, path: ConfigPath): unknown => {
    if (typeof value === "string") {
      if (!value.includes("${")) return value;
      const substituted = substituteText(value, env);
      if (substituted.ok) return convert(path, substituted.value);
      errors.push({ path, error: substituted.error });
      return value;
    }
    if (Array.isArray(value)) return value.map((item, i) => visit(item, [...path, i]));
    if (typeof value !== "object" || value === null) return value;
    // fromEntries defines properties, so that a key `__proto__` stays a key.
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]));
  };
  return { value: visit(tree, []), errors };
}

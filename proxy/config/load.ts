/** From a file, flags and the environment to complete settings, or to every error with its place. */
import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { NO_CERTIFICATES, readCertificates } from "./certificates.ts";
import { checkCollections } from "./collection-checks.ts";
import { substituteTree, type Environment } from "./environment.ts";
import { noFindings } from "./findings.ts";
import { readFlags, type StartFlags } from "./flags.ts";
import { convertText, validate } from "./issues.ts";
import type { ConfigMessage } from "./message.ts";
import { NO_MODULES, readModules } from "./module/read-modules.ts";
import { nearestName } from "./nearest.ts";
import { inOrder, placesOf, type Places } from "./places.ts";
import { resolveSettings, type RouteOrigins } from "./resolve.ts";
import { checkRoutes } from "./route-rules.ts";
import type { Written } from "./schema.ts";
import { checkLimits, checkListeners, checkServices } from "./service-rules.ts";
import type { Settings } from "./settings.ts";
import { readSource, type ConfigSource } from "./source.ts";

export interface LoadInput {
  /** As the user named it; null: flags alone. */
  readonly file: string | null;
  /** What a file would hold, in place of one; `file` is null then. */
  readonly tree?: unknown;
  readonly flags: StartFlags;
  readonly env: Environment;
  /** Epoch ms; decides which ignore rules and certificates are past. */
  readonly now?: number;
  /** false: certificates, keys and modules are not read, nor are the settings for traffic. Default true. */
  readonly forTraffic?: boolean;
}

export interface Loaded {
  readonly ok: true;
  readonly settings: Settings;
  /** One for each route: where its settings came from. */
  readonly origins: readonly RouteOrigins[];
  readonly warnings: readonly ConfigMessage[];
  /**
   * Ignore rules that are past: errors to `crossfade check`, warnings to a proxy. A date that went by must not keep it
   * from starting or reloading; the rules merely excuse nothing.
   */
  readonly expired: readonly ConfigMessage[];
  /** What only `crossfade check` says. */
  readonly advice: readonly ConfigMessage[];
  /** Places further messages about these settings. */
  readonly places: Places;
  /** Whole names of the further files that the settings came from: certificates, keys, modules. */
  readonly files: readonly string[];
}

export interface NotLoaded {
  readonly ok: false;
  /** usage: the command line. unreadable: no bytes could be had of the file. invalid: what the file says. */
  readonly reason: "usage" | "unreadable" | "invalid";
  readonly errors: readonly ConfigMessage[];
  /** Files whose change may make it valid, beside the config file itself. */
  readonly files: readonly string[];
}

/** Never throws: a file that cannot be read is an error among the others. Reads synchronously. */
export function loadSettings(input: LoadInput): Loaded | NotLoaded {
  const { file, tree, flags, env, now = Date.now(), forTraffic = true } = input;
  const fromFlags = readFlags(flags);
  const read = tree !== undefined ? readTree(tree, env) : file === null ? NOTHING : readFile(file, env);
  const errors = [...fromFlags.errors, ...read.errors];
  if (errors.length > 0) {
    const reason = fromFlags.errors.length > 0 ? "usage" : read.unreadable ? "unreadable" : "invalid";
    return { ok: false, reason, errors: inOrder(errors), files: [] };
  }

  const places = placesOf(read.source, fromFlags.flagOf);
  const written = fromFlags.overlay(read.written);
  const missing = missingServices(written, read.source, places);
  if (missing.length > 0) {
    return { ok: false, reason: read.source === null ? "usage" : "invalid", errors: inOrder(missing), files: [] };
  }

  const findings = noFindings();
  const certificates = forTraffic ? readCertificates(written, now, places, findings) : NO_CERTIFICATES;
  const modules = forTraffic ? readModules(written, file, places, findings) : NO_MODULES;
  const resolved = resolveSettings(written, file, certificates, modules);
  checkListeners(resolved.settings, places, findings);
  checkLimits(resolved.settings, places, findings);
  checkServices(resolved.settings, places, findings);
  checkRoutes({ ...resolved, now, adoptPhases: flags.adoptPhases ?? false }, places, findings);
  checkCollections(resolved.settings, { forTraffic }, places, findings);
  const files = [...certificates.files, ...modules.files];
  if (findings.errors.length > 0) return { ok: false, reason: "invalid", errors: inOrder(findings.errors), files };
  return {
    ok: true,
    ...resolved,
    files,
    warnings: inOrder([...read.warnings, ...findings.warnings]),
    expired: inOrder(findings.expired),
    advice: inOrder(findings.advice),
    places,
  };
}

interface FileRead {
  readonly written: Written;
  readonly source: ConfigSource | null;
  readonly warnings: readonly ConfigMessage[];
  readonly errors: readonly ConfigMessage[];
  readonly unreadable: boolean;
}

const NOTHING: FileRead = { written: {}, source: null, warnings: [], errors: [], unreadable: false };

function readFile(file: string, env: Environment): FileRead {
  const failed = (errors: readonly ConfigMessage[]): FileRead => ({ ...NOTHING, errors });
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (thrown) {
    const error = { file, line: null, column: null, text: `cannot be read: ${readProblem(thrown)}` };
    return { ...failed([error]), unreadable: true };
  }
  return readBytes(file, bytes, env);
}

/** As if it had been written down: one grammar, one set of messages. */
function readTree(tree: unknown, env: Environment): FileRead {
  return readBytes("settings", Buffer.from(stringify(tree, { aliasDuplicateObjects: false })), env);
}

function readBytes(file: string, bytes: Buffer, env: Environment): FileRead {
  const failed = (errors: readonly ConfigMessage[]): FileRead => ({ ...NOTHING, errors });
  const parsed = readSource(file, bytes);
  if (!parsed.ok) return failed(parsed.errors);
  const { source, warnings } = parsed;
  const places = placesOf(source, new Map());
  const { value, errors } = substituteTree(source.tree, env, convertText);
  const unset = new Set(errors.map(({ path }) => JSON.stringify(path)));
  const substitution = errors.map(({ path, error }) => places.at(path, error));
  const validated = validate(value);
  if (validated.ok) return { ...NOTHING, written: validated.written, source, warnings, errors: substitution };
  // What holds an unset variable is not judged by its text.
  const issues = validated.issues.filter(({ path }) => !unset.has(JSON.stringify(path)));
  return failed([
    ...substitution,
    ...issues.map(({ path, at, predicate }) =>
      at === "key" ? places.atKey(path, predicate) : places.at(path, predicate),
    ),
  ]);
}

function readProblem(thrown: unknown): string {
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file; write one, or give --legacy URL --next URL";
  if (code === "EISDIR") return "it is a directory; name the file in it";
  if (code === "EACCES") return "reading it is not permitted";
  return message;
}

const TWO_URLS = "--legacy http://127.0.0.1:3000 --next http://127.0.0.1:4000";

/** Every service has a URL, and legacy and next are there. */
function missingServices(written: Written, source: ConfigSource | null, places: Places): ConfigMessage[] {
  const services = written.services ?? {};
  const names = [...new Set(["legacy", "next", ...Object.keys(services)])].filter(
    (name) => services[name]?.url === undefined,
  );
  if (source === null) {
    if (names.length === 0) return [];
    const file = names.map((name) => `--${name}`).join(" and ");
    const text = `${names.length === 1 ? "is" : "are"} missing; write ${TWO_URLS}, or name a file with --config`;
    return [{ file, line: null, column: null, text }];
  }
  const strangers = Object.keys(services).filter((name) => name !== "legacy" && name !== "next");
  return names.map((name) => {
    const near = services[name] === undefined ? nearestName(name, strangers) : null;
    if (near !== null) return places.at(["services", name, "url"], `is missing; did you mean it by services.${near}?`);
    const orFlag = strangers.includes(name) ? "" : `, or start with --${name} URL`;
    const port = name === "legacy" ? 3000 : 4000;
    return places.at(
      ["services", name, "url"],
      `is missing; write services: { ${name}: { url: "http://127.0.0.1:${port}" } }${orFlag}`,
    );
  });
}

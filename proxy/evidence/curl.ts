/** A recorded request as a command for a POSIX shell. Pure. */
import { printable } from "../controls.ts";
import type { DivergenceRecord } from "./evidence.ts";
import { STAND_IN, type StoredPair } from "./stored-pair.ts";

/** Methods whose requests mean the same without a body; of all others it was part of what was asked. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);
/** What curl sends on as it stands (with --globoff and --path-as-is); anything else goes into --request-target. */
const PLAIN_TARGET = /^\/(?!\/)[\w.~!$&'()*+,;=:@%/?{}|^[\]-]*$/;

/**
 * Lines without newlines: what it was, and a command that sends it again to `origin` (`http://127.0.0.1:4000`,
 * `unix:/run/next.sock`). Where it cannot be what was sent, the command is a comment, after a line that says why.
 */
export function spellCurl(record: DivergenceRecord, origin: string): readonly string[] {
  const { id, time, method, route, outcome, path, query, key } = record;
  const places = record.differences.map(({ at }) => at).slice(0, 5);
  const told = [id, time, route, outcome, ...(key === null ? [] : [key]), ...places].map(printable).join("  ");
  const target = path + (query === null ? "" : `?${query}`);
  const command = ["curl", "--silent", "--show-error", "--include", ...methodOf(method), ...addressOf(target, origin)];
  const line = command.join(" ");
  const why = whyNot(method, path, target);
  return why === null ? [`# ${told}`, line] : [`# ${told}`, `# not run: ${why}`, `# ${printable(line)}`];
}

/** Of one connection, or made by curl. */
const OWN_HEADERS = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** As `spellCurl`, of an exchange that was kept whole: with headers and body. Headers that are redacted are left out, and named. */
export function spellPairCurl({ id, time, route, request }: StoredPair, origin: string): readonly string[] {
  const { method, target, headers, body, redacted } = request;
  const words: string[] = [];
  const left: string[] = [];
  let hasType = false;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string];
    const lower = name.toLowerCase();
    if (OWN_HEADERS.has(lower) || (lower === "host" && !redacted.includes("header:host"))) continue;
    if (redacted.includes(`header:${lower}`) || STAND_IN.test(value)) {
      left.push(name);
      continue;
    }
    hasType ||= lower === "content-type";
    // An empty value is a header that curl would take away.
    words.push("--header", quoteForShell(value === "" ? `${name};` : `${name}: ${value}`));
  }
  const sends = !("text" in body) || body.text !== "";
  if (sends && !hasType) words.push("--header", "Content-Type:");
  if ("text" in body && sends) words.push("--data-raw", quoteForShell(body.text));
  const command = ["curl", "--silent", "--show-error", "--include", ...methodOf(method), ...words];
  const line = [...command, ...addressOf(target, origin)].join(" ");
  const told = [`# ${[id, time, route].map(printable).join("  ")}`];
  if (left.length > 0) told.push(`# without ${left.map(printable).join(", ")}: redacted`);
  const why = whyNotWhole(request);
  return why === null
    ? [...told, line]
    : [...told, `# not run: ${why}`, ...line.split("\n").map((one) => `# ${printable(one)}`)];
}

function whyNotWhole({ target, body, redacted }: StoredPair["request"]): string | null {
  if (redacted.includes("target")) return "a part of its target is redacted";
  if (!("text" in body)) return "its body is no text, or could not be redacted, and was left out";
  if (redacted.includes("body")) return "a part of its body is redacted";
  if (/[\p{Cc}\u0080-\u00ff]/u.test(target)) return "its target holds bytes that a terminal would change";
  return null;
}

/** One word of a POSIX shell that means exactly `text`. */
export function quoteForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function methodOf(method: string): readonly string[] {
  if (method === "GET") return [];
  // With -X HEAD curl would wait for a body.
  return method === "HEAD" ? ["--head"] : ["--request", quoteForShell(method)];
}

function addressOf(target: string, origin: string): readonly string[] {
  const socket = origin.startsWith("unix:") ? ["--unix-socket", quoteForShell(origin.slice("unix:".length))] : [];
  const base = socket.length > 0 ? "http://localhost" : origin;
  if (PLAIN_TARGET.test(target)) return ["--globoff", "--path-as-is", ...socket, quoteForShell(base + target)];
  return ["--globoff", ...socket, "--request-target", quoteForShell(target), quoteForShell(`${base}/`)];
}

function whyNot(method: string, path: string, target: string): string | null {
  if (path === "") return "its evidence could not be redacted and was left out";
  if (/\[redacted [0-9a-f]{8}\]/.test(target)) return "a part of its target is redacted";
  // Evidence cuts a long target with an ellipsis; a target has no such character of its own.
  if (/[\u0100-\uffff]/.test(target)) return "its target was too long to be kept whole";
  if (/[\p{Cc}\u0080-\u00ff]/u.test(target)) return "its target holds bytes that a terminal would change";
  if (!WITHOUT_BODY.has(method)) return "a request's body is not kept; add it with --data-binary @FILE";
  return null;
}

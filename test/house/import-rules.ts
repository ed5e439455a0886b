/**
 * Which part of the project may import which: an oxlint plugin, so that editors show it too. Directions are decided on
 * resolved files, for value, type and dynamic imports alike; import cycles are oxlint's own `import/no-cycle`.
 * `.oxlintrc.json` turns the rules on; `test/integration/import-rules.test.ts` plants each violation once.
 */
import { dirname, join, relative, sep } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

const STEPS = ["listen", "route", "forward", "mirror", "compare", "record"] as const;
const OTHER_FOLDERS = [
  "json",
  "upstream",
  "config",
  "suggest",
  "transform",
  "phase",
  "barrier",
  "admin",
  "dashboard",
  "repair",
  "copy-forward",
  "verify",
  "try",
  "pairs",
  "migrate",
  "routing-export",
  "schema",
  "workers",
  "store-away",
  "compose",
  "cli",
] as const;
/** Folders of what all parts share, by what it is about: values, and the files that put steps together (`WIRING`). */
const TOPICS: ReadonlySet<string> = new Set([
  "evidence",
  "ids",
  "life",
  "members",
  "moves",
  "noise",
  "process",
  "reads",
  "rows",
  "tracing",
]);
/** What starts a process' worth of parts: main.ts, and the entry point of those who embed it. */
const MAIN = new Set(["main.ts", "crossfade.ts", "start-while-away.ts", "create-crossfade.ts"]);
/** Files that put steps together; every other file of their folders, and of proxy/ itself, holds values that all parts share. */
const WIRING = new Set([
  "pipeline.ts",
  "rows/backfills.ts",
  "rows/backfill-part.ts",
  "life/touch-watch.ts",
  "life/member-holds.ts",
  "life/front.ts",
  "life/front-watch.ts",
  "life/front-forwarding.ts",
  "life/front-tunnel.ts",
  "life/intake.ts",
  "pipeline-parts.ts",
  "life/settlement.ts",
  "life/crossing-write.ts",
  "life/copy.ts",
  "ids/copy-mapping.ts",
  "ids/client-mapping.ts",
  "reads/dial.ts",
  "reads/dial-rests.ts",
  "reads/dialled-upstream.ts",
  "reads/fallback.ts",
  "reads/fallback-ends.ts",
  "reads/fallback-upstream.ts",
  "life/mirrored-copy.ts",
  "life/compared-copy.ts",
  "life/copy-ending.ts",
  "reads/crossed-read.ts",
  "tracing/traced-copy.ts",
  "life/ending.ts",
  "evidence/evidence-book.ts",
  "moves/cutover-gate.ts",
  "moves/cutover.ts",
  "moves/cutover-checks.ts",
  "moves/retire-report.ts",
  "moves/unattended.ts",
  "moves/failing-next.ts",
  "life/journaled-write.ts",
  "life/journal-backlog.ts",
  "noise/noise.ts",
  "noise/noise-learning.ts",
  "noise/noise-choice.ts",
  "life/drain.ts",
  "life/status-source.ts",
  "ids/value-bodies.ts",
  "ids/value-clash.ts",
  "ids/value-list.ts",
  "rows/row-value-map.ts",
  "rows/row-job-ends.ts",
]);

type Step = (typeof STEPS)[number];
type Part = Step | (typeof OTHER_FOLDERS)[number] | "main" | "wiring" | "values" | "settings" | "adapters";

const SHARED: readonly Part[] = ["values", "settings", "json"];
const CORE: readonly Part[] = [
  ...STEPS,
  ...SHARED,
  "upstream",
  "config",
  "phase",
  "barrier",
  "admin",
  "wiring",
  "transform",
];

/** What each part may import beside itself. */
const MAY_IMPORT: Readonly<Record<Part, readonly Part[]>> = {
  values: ["settings"],
  settings: ["values"],
  json: ["values"],
  upstream: SHARED,
  listen: [...SHARED, "upstream"],
  route: [...SHARED, "upstream"],
  forward: [...SHARED, "upstream"],
  mirror: [...SHARED, "upstream"],
  compare: [...SHARED, "upstream"],
  record: [...SHARED, "upstream"],
  config: SHARED,
  suggest: [...SHARED, "config", "compare"],
  phase: SHARED,
  barrier: [...SHARED, "phase"],
  transform: [...SHARED, "compare", "mirror", "config"],
  admin: [...SHARED, "config"],
  // In a browser: it takes words and shapes of the admin listener, never what listens, reads or writes.
  dashboard: [...SHARED, "admin", "suggest"],
  wiring: CORE,
  repair: CORE,
  "copy-forward": [...CORE, "repair"],
  verify: [...CORE, "repair"],
  try: CORE,
  pairs: [...CORE, "try"],
  migrate: [...SHARED, "compare"],
  "routing-export": SHARED,
  schema: SHARED,
  workers: [...CORE, "store-away"],
  "store-away": CORE,
  compose: [...CORE, "repair", "copy-forward", "verify", "pairs", "workers", "store-away"],
  main: [...CORE, "compose", "workers", "store-away", "adapters"],
  cli: [...CORE, "suggest", "try", "pairs", "migrate", "routing-export", "schema", "main", "adapters"],
  adapters: SHARED,
};

/** Drivers and SDKs of the outside world: adapters know them, the core knows ports. */
const DRIVERS = /^(ioredis|better-sqlite3|pg|pg-.+|mysql2|mariadb|@opentelemetry\/(?!api$).+)(\/|$)/;

/** What pure parts do without: sockets, files, processes, threads, timers, and the libraries that use them. */
const IMPURE =
  /^(node:(child_process|cluster|dgram|dns|fs|http|http2|https|inspector|net|os|process|readline|repl|tls|timers|worker_threads)|undici|fastify|@fastify\/.+|pino|cockatiel)(\/|$)/;
const PURE_FOLDERS = /^proxy\/(json|route|compare|suggest|phase|dashboard|routing-export|schema)\//;
/** The threads around the comparison and the survey. */
const NOT_PURE = new Set(
  ["comparer.ts", "worker-seat.ts", "worker.ts", "surveyor.ts", "survey-worker.ts"].map(
    (name) => `proxy/compare/${name}`,
  ),
);

function partOf(file: string): Part | null {
  const [top, folder, ...rest] = file.split("/");
  if (top === "adapters") return "adapters";
  if (top !== "proxy" || folder === undefined) return null;
  if (rest.length === 0 || TOPICS.has(folder)) {
    const name = [folder, ...rest].join("/");
    return MAIN.has(name) ? "main" : WIRING.has(name) ? "wiring" : "values";
  }
  if (/^proxy\/config\/(?:(?:collection-|compare-)?settings|terms)\.ts$/.test(file)) return "settings";
  return [...STEPS, ...OTHER_FOLDERS].find((name) => name === folder) ?? null;
}

function whyRefused(from: Part, to: Part): string | null {
  if (from === to || MAY_IMPORT[from].includes(to)) return null;
  if (to === "adapters") return "the core never imports an adapter; it asks for a port (proxy/ports.ts)";
  if (isStep(from) && isStep(to)) return "steps never import one another; the pipeline calls them in order";
  if (isStep(to)) return "what steps share never imports a step";
  return `this part may import only: ${[from, ...MAY_IMPORT[from]].join(", ")}`;
}

function isStep(part: Part): part is Step {
  return STEPS.some((step) => step === part);
}

interface ImportNode {
  readonly source?: { readonly value?: unknown } | null;
}

interface RuleContext {
  readonly filename: string;
  report(finding: { node: unknown; message: string }): void;
}

/** A rule that looks at each import of a file: `judge` returns what is wrong with it, or null. */
function importRule(judge: (file: string, specifier: string) => string | null) {
  return {
    create(context: RuleContext) {
      const file = relative(ROOT, context.filename).replaceAll(sep, "/");
      const look = (node: ImportNode) => {
        const specifier = node.source?.value;
        if (typeof specifier !== "string") return;
        const message = judge(file, specifier);
        if (message !== null) context.report({ node: node.source, message: `${file}: ${message}` });
      };
      return {
        ImportDeclaration: look,
        ExportNamedDeclaration: look,
        ExportAllDeclaration: look,
        ImportExpression: look,
        TSImportType: look,
      };
    },
  };
}

export default {
  meta: { name: "house" },
  rules: {
    "import-direction": importRule((file, specifier) => {
      if (!specifier.startsWith(".")) return null;
      const target = join(dirname(file), specifier).replaceAll(sep, "/");
      const from = partOf(file);
      if (from === null) return file.startsWith("proxy/") ? "is in no part that import-rules.ts knows" : null;
      const to = partOf(target);
      const why = to === null ? "it is outside proxy/ and adapters/" : whyRefused(from, to);
      return why === null ? null : `imports ${target}: ${why}`;
    }),
    "no-driver-in-core": importRule((file, specifier) =>
      file.startsWith("proxy/") && DRIVERS.test(specifier)
        ? `imports ${specifier}: drivers and telemetry SDKs belong to adapters/`
        : null,
    ),
    "pure-parts": importRule((file, specifier) =>
      PURE_FOLDERS.test(file) && !NOT_PURE.has(file) && IMPURE.test(specifier)
        ? `imports ${specifier}: it is a function of values, or runs in a browser`
        : null,
    ),
  },
};

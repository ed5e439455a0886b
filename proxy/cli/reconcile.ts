/** `crossfade reconcile` */
import { reconcile, type Reconciled, type RowFinding } from "../migrate/reconcile.ts";
import { findCollection, openCollection } from "./collection.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { openProgress } from "./progress.ts";
import { openTerminal, printable } from "./terminal.ts";

export interface ReconcileFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly repair?: boolean;
  readonly limit?: number;
}

const DEFAULT_LIMIT = 100;
/** Places of one row that are told on its line. */
const PLACES = 5;

export async function runReconcile(name: string, options: ReconcileFlags): Promise<ExitCode> {
  const { collection } = findCollection(name, options.config);
  const terminal = openTerminal(options);
  const open = await openCollection(collection, { write: false });
  const progress = openProgress((line) => terminal.complain(`crossfade: ${line}`));
  const limit = options.limit ?? (options.json === true ? Number.POSITIVE_INFINITY : DEFAULT_LIMIT);
  let told = 0;
  try {
    const sums = await reconcile({
      ...open,
      compare: collection.compare,
      now: Date.now(),
      progress: (rows, of) => progress.tell(`${rows}${of === null ? "" : ` of about ${of}`} rows compared`),
      tell: (finding) => {
        told += 1;
        if (told > limit) return;
        progress.end();
        const value = options.repair === true ? stepFor(finding) : finding;
        if (options.json === true) terminal.print(JSON.stringify({ collection: name, ...value }));
        else terminal.print(printable(options.repair === true ? stepText(finding) : findingText(finding)));
      },
    });
    progress.end();
    const differing = sums.missing + sums.mismatched + sums.extra + sums.unmade;
    if (options.json === true) terminal.print(JSON.stringify({ type: "reconcile", collection: name, ...sums }));
    else {
      if (told > limit) terminal.print(`and ${told - limit} more (--limit)`);
      terminal.print(sumsText(name, sums));
      if (options.repair === true && differing > 0) {
        terminal.print(
          "This is a plan. Nothing was changed: crossfade backfill --restart writes what is missing or mismatched.",
        );
      }
    }
    // What could not be looked for may be there.
    return differing > 0 || sums.extraUnknown !== null ? EXIT.no : EXIT.done;
  } finally {
    progress.end();
    await open.close();
  }
}

function findingText(finding: RowFinding): string {
  const { kind, key } = finding;
  if (finding.kind === "unmade") return `${kind.padEnd(10)}  ${key}  ${finding.why}`;
  if (finding.kind !== "mismatched") return `${kind.padEnd(10)}  ${key}`;
  const places = finding.differences.slice(0, PLACES).map((each) => `${each.at} (${each.kind})`);
  const more = finding.differences.length - places.length;
  return `${kind.padEnd(10)}  ${key}  ${places.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

type Step = { readonly step: "upsert" | "delete" | "mend-transform"; readonly key: string };

function stepFor({ kind, key }: RowFinding): Step {
  switch (kind) {
    case "missing":
    case "mismatched":
      return { step: "upsert", key };
    case "extra":
      return { step: "delete", key };
    case "unmade":
      return { step: "mend-transform", key };
    default:
      return kind satisfies never;
  }
}

function stepText(finding: RowFinding): string {
  const { step, key } = stepFor(finding);
  return `${step.padEnd(14)}  ${key}  (${finding.kind})`;
}

function sumsText(name: string, sums: Reconciled): string {
  const { sourceRows, targetRows, equal, excused, missing, mismatched, extra, unmade, settled, extraUnknown } = sums;
  const { digests, noDigests } = sums;
  const parts = [
    `${equal} equal`,
    ...(excused > 0 ? [`${excused} excused`] : []),
    `${missing} missing`,
    `${mismatched} mismatched`,
    extraUnknown === null ? `${extra} extra` : "extra rows not looked for",
    ...(unmade > 0 ? [`${unmade} unmade`] : []),
  ];
  const again = settled > 0 ? `; ${settled} differed and no longer did when looked at again` : "";
  const unknown = extraUnknown === null ? "" : `; ${extraUnknown}`;
  const gaveUp =
    digests?.gaveUp === true ? " (all of the first ones differed, so the others were read without asking)" : "";
  const how =
    digests === null
      ? `Every row was read: ${noDigests ?? "there were no digests"}.`
      : `By digests: ${digests.chunks} chunks of rows, of which ${digests.differing} differed and were read${gaveUp}.`;
  return `${how}\n${name}  ${sourceRows} rows against ${targetRows}: ${parts.join(", ")}${again}${unknown}`;
}

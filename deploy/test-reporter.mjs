/**
 * Node's `spec`, for one of several runs that are parts of a whole: its counts go to the file that CROSSFADE_TEST_COUNTS
 * names, and whoever began the runs adds them up.
 */
import { writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { spec } from "node:test/reporters";

/** Longer than a test may take (deploy/run.mjs): nothing is told any more. */
const SILENT_MS = 240_000;

const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** @typedef {import("node:test/reporters").TestEvent} TestEvent */

/** @param {AsyncIterable<TestEvent>} source @returns {AsyncGenerator<TestEvent>} */
async function* withoutCounts(source) {
  const silence = setTimeout(endStuck, SILENT_MS).unref();
  for await (const event of source) {
    silence.refresh();
    const { type, data } = event;
    // Each file has a summary of its own too.
    if (type === "test:summary" && data.file === undefined) {
      const file = process.env["CROSSFADE_TEST_COUNTS"];
      if (file !== undefined) writeFileSync(file, JSON.stringify(data.counts));
    }
    const isCount = type === "test:diagnostic" && data.nesting === 0 && COUNT.test(data.message);
    if (!isCount) yield event;
  }
}

/** @param {AsyncIterable<TestEvent>} source */
export default async function* reportPart(source) {
  yield* Readable.from(withoutCounts(source)).compose(new spec());
}

/** A run that does not end by itself has left something behind, which is a defect, and all of CI would wait for it. */
function endStuck() {
  const left = process.getActiveResourcesInfo().join(" ");
  console.error(`no test has told anything for ${SILENT_MS / 1000} s, and there is still: ${left}`);
  process.exit(1);
}

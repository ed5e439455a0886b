/**
 * Node's `spec`, for one of several runs that are parts of a whole: its counts go to the file that CROSSFADE_TEST_COUNTS
 * names, and whoever began the runs adds them up.
 */
import { writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { spec } from "node:test/reporters";

const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** @typedef {import("node:test/reporters").TestEvent} TestEvent */

/** @param {AsyncIterable<TestEvent>} source @returns {AsyncGenerator<TestEvent>} */
async function* withoutCounts(source) {
  for await (const event of source) {
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

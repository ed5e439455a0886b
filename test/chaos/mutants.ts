/**
 * Lines of journal, lane and delivery code that are broken on purpose, one at a time, in a copy of the built tree: the run
 * must fail on each. `text` stands in the built file once.
 */
import type { EpisodeKind } from "./faults.ts";

export interface Mutant {
  readonly name: string;
  /** Below the built tree. */
  readonly file: string;
  readonly text: string;
  readonly instead: string;
  /** The kind of episode that has to see it, the faults that bring it about, and what kind of services. */
  readonly episode: EpisodeKind;
  readonly faults: readonly string[];
  readonly honours: boolean;
}

const SLOW = ["shadow slow", "shadow slow", "shadow hanging"];

export const MUTANTS: readonly Mutant[] = [
  {
    name: "the youngest of a lane goes first",
    file: "proxy/mirror/lanes.js",
    text: "for (const lane of entry.lanes) lane.waiting.push(entry);",
    instead: "for (const lane of entry.lanes) lane.waiting.unshift(entry);",
    episode: "services",
    faults: SLOW,
    honours: true,
  },
  {
    name: "a lane delivers several at once",
    file: "proxy/mirror/lanes.js",
    text: "each.delivering = true;",
    instead: "each.delivering = false;",
    episode: "services",
    faults: SLOW,
    honours: true,
  },
  {
    name: "what the primary refused is mirrored",
    file: "proxy/mirror/verdicts.js",
    text: "status >= 200 && status < 300",
    instead: "status >= 200 && status < 500",
    episode: "services",
    faults: ["shadow slow"],
    honours: true,
  },
  {
    name: "a time-out leaves no repair entry",
    file: "proxy/mirror/verdicts.js",
    text: 'repair: "shadow-timeout",',
    instead: "repair: null,",
    episode: "services",
    faults: ["shadow late", "shadow late"],
    honours: true,
  },
  {
    name: "a broken attempt leaves no repair entry",
    file: "proxy/mirror/verdicts.js",
    text: 'repair: "shadow-error",',
    instead: "repair: null,",
    episode: "services",
    faults: ["shadow resets before", "shadow killed", "shadow resets before"],
    honours: false,
  },
  {
    name: "what was sent again is not marked",
    file: "proxy/mirror/delivery.js",
    text: "mayLandLate: this.#unknown",
    instead: "mayLandLate: false",
    episode: "services",
    faults: ["shadow resets after", "shadow first attempt late"],
    honours: false,
  },
  {
    name: "every method is sent again to any service",
    file: "proxy/mirror/delivery.js",
    text: "IDEMPOTENT.has(method)",
    instead: "true",
    episode: "services",
    faults: ["shadow resets after", "shadow first attempt late", "shadow resets before"],
    honours: false,
  },
  {
    name: "a time-out is sent again",
    file: "proxy/mirror/retry-table.js",
    text: '{ happened: "timeout", when: {}, next: repair("shadow-timeout") }',
    instead: '{ happened: "timeout", when: {}, next: BACK_OFF }',
    episode: "services",
    faults: ["shadow late", "shadow late", "shadow hanging"],
    honours: false,
  },
  {
    name: "an unknown end at the primary leaves no repair entry",
    file: "proxy/life/settlement.js",
    text: "const doubt = unknown ?",
    instead: "const doubt = false ?",
    episode: "services",
    faults: ["primary resets after", "primary late"],
    honours: true,
  },
  {
    name: "a refusal of the shadow leaves no repair entry",
    file: "proxy/life/compared-copy.js",
    text: 'return "shadow-refused";',
    instead: "return null;",
    episode: "services",
    faults: ["shadow 503", "shadow 503"],
    honours: true,
  },
  {
    name: "an outcome is not counted",
    file: "proxy/life/ending.js",
    text: "parts.recorder.settle(settled);",
    instead: "if (isWrite && exchange.arrivedAt % 2 === 0) parts.recorder.settle(settled);",
    episode: "services",
    faults: ["shadow slow"],
    honours: true,
  },
  {
    name: "an intent that a kill left behind leaves no repair entry",
    file: "proxy/life/journal-backlog.js",
    text: 'repair: "unknown",',
    instead: "repair: null,",
    episode: "kills",
    faults: ["member and primary killed", "member and primary killed", "member and primary killed"],
    honours: true,
  },
  {
    name: "what a kill left in the journal is not brought back",
    file: "proxy/life/journal-backlog.js",
    text: "while (!stopped && journal.waiting() > 0)",
    instead: "while (false)",
    episode: "kills",
    faults: ["member killed, shadow hanging"],
    honours: true,
  },
  {
    name: "what was on the wire at a kill is sent again as if it were new",
    file: "proxy/life/journal-backlog.js",
    text: "earlierAttempts: attempts",
    instead: "earlierAttempts: 0",
    episode: "kills",
    faults: ["member killed, shadow hanging", "member killed, shadow hanging"],
    honours: false,
  },
  {
    name: "a lost store leaves no gap",
    file: "adapters/store/sqlite/previous-run.js",
    text: "if (unclean && !isCovered)",
    instead: "if (false)",
    episode: "store",
    faults: ["store, journal and member lost together"],
    honours: true,
  },
];

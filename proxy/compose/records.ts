import { randomInt } from "node:crypto";
import { createFeed, type Feed } from "../admin/feed.ts";
import { contentEncodingOf, decodeContent, undoContentEncoding } from "../compare/decode.ts";
import type { Settings } from "../config/settings.ts";
import { type CutoverGate, createCutoverGate } from "../moves/cutover-gate.ts";
import { createEvidenceBook, type EvidenceBook } from "../evidence/evidence-book.ts";
import type { Snapshot } from "../exchange.ts";
import type { JournalAccount } from "../journal.ts";
import type { KeptGateEvidence } from "../moves/gate-evidence.ts";
import type { Members } from "../members/members.ts";
import type { Clock, Store, Telemetry } from "../ports.ts";
import { LOOKED_INTO_MAX_BYTES } from "../record/body-secrets.ts";
import { type Counters, createCounters } from "../record/counters.ts";
import { type DivergenceLog, openDivergenceLog } from "../record/divergence-log.ts";
import { createPairKeeper, PAIR_BODY_MAX_BYTES, type PairKeeper } from "../record/pair-keeper.ts";
import type { DecodeBody } from "../record/pair-redaction.ts";
import { PlaceBook } from "../record/place-book.ts";
import { createPurge } from "../record/purge.ts";
import { createRecorder, type Recorder } from "../record/recorder.ts";
import { createRedactor, type Redactor } from "../record/redaction.ts";
import { createRuleCounters, type RuleCounters } from "../record/rule-counters.ts";
import { deriveKey } from "../record/secret-key.ts";
import { createWebhook, type Webhook } from "../record/webhook.ts";
import { createSealer, type Sealer } from "../sealed.ts";
import type { Audit, Desk } from "./desk.ts";

export interface RecordsParts {
  readonly settings: Settings;
  readonly snapshot: () => Snapshot;
  readonly store: Store;
  /** Takes what is counted; the store itself, where there is no journal to keep in step with. */
  readonly counted: Pick<Store, "append">;
  /** null: nobody shares the store. */
  readonly members: Pick<Members, "list"> | null;
  /** Writes of earlier processes without an outcome. */
  readonly open: JournalAccount["open"];
  readonly secretKey: Buffer;
  readonly telemetry: Telemetry;
  readonly version: string;
  readonly clock: Clock;
  readonly desk: Desk;
  readonly audit: Audit;
}

/** What is known of exchanges that are over: counts, evidence, what is shown and what is told. */
export interface Records {
  readonly counters: Counters;
  readonly ruleCounters: RuleCounters;
  readonly book: PlaceBook;
  readonly evidence: EvidenceBook;
  readonly cutoverGate: CutoverGate;
  readonly divergenceLog: DivergenceLog;
  readonly feed: Feed;
  readonly redactor: Redactor;
  readonly sealer: Sealer;
  readonly decode: DecodeBody;
  readonly pairs: PairKeeper;
  readonly recorder: Recorder;
  readonly purge: ReturnType<typeof createPurge>;
  readonly webhook: Webhook;
}

/** Goes on with what the store has kept. */
export async function createRecords(parts: RecordsParts): Promise<Records> {
  const { settings, snapshot, store, counted, members, secretKey, telemetry, version, clock, desk, audit } = parts;
  const counters = createCounters();
  counters.restore(await store.outcomeCounts(), await store.eligibleCounts());
  for (const { route, count } of parts.open) counters.resume(route, count);
  const book = new PlaceBook();
  book.restore(await store.places());
  const [kept, others] = [await store.gateEvidence(), await store.othersGateEvidence()];
  const claims = members === null ? 0 : claimsOf(others);
  const evidence = createEvidenceBook({ store, clock, kept, claims, seed: randomInt(2 ** 32) });
  const divergenceLog = await openDivergenceLog({ ...settings.divergenceLog, clock });
  const feed = createFeed();
  const redactor = createRedactor(deriveKey(secretKey, "evidence"), ({ headers, body }) => {
    return decodeContent(body, contentEncodingOf(headers), LOOKED_INTO_MAX_BYTES) ?? body;
  });
  const sealer = createSealer(deriveKey(secretKey, "repair list"));
  const decode: DecodeBody = ({ headers, body }) =>
    undoContentEncoding(body, contentEncodingOf(headers), PAIR_BODY_MAX_BYTES);
  const pairs = createPairKeeper({
    isOn: settings.limits.pairsBytes > 0,
    redactor,
    decode,
    monotonic: () => clock.monotonic(),
    caught: (error) => desk.caught("pair", error),
  });
  const recorder = createRecorder({
    store: counted,
    log: divergenceLog,
    telemetry,
    counters,
    redactor,
    sealer,
    pairs,
    onRecord: (record) => feed.publish(record),
    caught: desk.caught,
  });
  const purge = createPurge({
    store,
    log: divergenceLog,
    redactor,
    pairs,
    audit: (entry) => {
      desk.log[entry.failed === null ? "warn" : "error"]({ purge: entry }, "divergences of a key were purged");
      const { by, key, dryRun, failed, records, logLines, reason } = entry;
      if (dryRun) return;
      const what = `${records} records, ${logLines} lines of the log erased${failed === null ? "" : `; failed: ${failed}`}`;
      audit({ by, action: "purge", subject: key, what, reason });
    },
  });
  const webhook = createWebhook({
    settings: () => snapshot().settings.webhook,
    store,
    version,
    gaveUp: (why) => desk.log.warn({ webhook: webhook.health()?.origin, why }, "a call to the webhook was given up"),
  });
  store.onGroupEvent((event) => webhook.notify(event));
  return {
    counters,
    ruleCounters: createRuleCounters(),
    book,
    evidence,
    cutoverGate: createCutoverGate({ book: evidence, store, clock, members, claims, snapshot }),
    divergenceLog,
    feed,
    redactor,
    sealer,
    decode,
    pairs,
    recorder,
    purge,
    webhook,
  };
}

/** Of the route that has the most. */
function claimsOf(others: readonly KeptGateEvidence[]): number {
  const counts = new Map<string, number>();
  for (const { route } of others) counts.set(route, (counts.get(route) ?? 0) + 1);
  return 1 + Math.max(0, ...counts.values());
}

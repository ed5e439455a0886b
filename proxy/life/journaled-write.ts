/** What the journal keeps of an accepted write, and the exchange that it is again when it is read back. */
import { hash } from "node:crypto";
import { DEFAULT_ROUTE } from "../config/defaults.ts";
import type { RouteSettings } from "../config/settings.ts";
import type { About, BodyCopy, Exchange, Identity, Snapshot } from "../exchange.ts";
import type { Captured } from "../forward/capture.ts";
import type { PrimaryAnswered } from "../forward/forwarder.ts";
import type { Spool } from "../forward/spool.ts";
import type { Ticket, Lanes } from "../mirror/lanes.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { AcceptedWrite, Intent, JournaledBody, WaitingWrite } from "../journal.ts";

/** Larger answers are kept as their digest: of what is delivered after a crash they are compared by it. */
const ANSWER_MAX_BYTES = 256 * 1024;

export function acceptedWrite<Work>(
  of: { readonly exchange: Exchange; readonly ticket: Ticket; readonly lanes: Lanes<Work> },
  ending: PrimaryAnswered,
  about: About,
  now: number,
  orderBase: number,
): AcceptedWrite {
  const { exchange, ticket, lanes } = of;
  return {
    about,
    overlapped: lanes.overlaps(ticket, about.keys),
    orderBase,
    shadow: exchange.plan.shadow ?? "next",
    body: journaled(ending.requestBody, Infinity),
    answer: {
      status: ending.status,
      headers: ending.headers,
      body: journaled(ending.body, ANSWER_MAX_BYTES),
      ms: ending.ms,
    },
    answeredAt: now,
  };
}

function journaled(captured: Captured, maxBytes: number): JournaledBody {
  const copy = captured.kind === "lost" ? null : captured.copy;
  if (copy?.kind === "spooled" && copy.file.name !== null) {
    // It ends here: from then on a crash finds it whole, however long its copy waits.
    void copy.file.whole();
    return { kind: "spooled", length: copy.length, name: copy.file.name };
  }
  // The digest of what lies in the spool is known a little later, when the order of the lane has long been decided.
  if (copy?.kind !== "memory") return { kind: "digest", length: captured.length, sha256: "" };
  if (copy.bytes.length <= maxBytes) return copy;
  return { kind: "digest", length: copy.bytes.length, sha256: hash("sha256", copy.bytes, "hex") };
}

/** `shadow`: which of the two it was when the write was accepted; null: as the route's phase has it now. */
export function exchangeAgain(snapshot: Snapshot, intent: Intent, shadow: Identity | null): Exchange {
  const { exchangeId, arrivedAt, request, traceId } = intent;
  const found = snapshot.settings.routes.find(({ name }) => name === intent.route);
  const matched = snapshot.router.match(request);
  const route: RouteSettings = found ?? { ...GONE_ROUTE, name: intent.route };
  const side = shadow ?? PHASE_ROLES[route.phase].shadow ?? "next";
  const primary = side === "next" ? "legacy" : "next";
  return {
    id: exchangeId,
    arrivedAt,
    snapshot,
    request,
    route,
    params: matched !== null && matched.route === found ? matched.params : { named: {}, rest: [] },
    plan: { mirror: true, primary, shadow: side, requestClass: "write" },
    traceId,
    trace: null,
  };
}

/** Whether what was accepted under earlier settings may still be sent under these. */
export function isStillMirrored({ snapshot, route, plan }: Exchange): boolean {
  return snapshot.settings.routes.includes(route) && PHASE_ROLES[route.phase].shadow === plan.shadow;
}

const GONE_ROUTE: Omit<RouteSettings, "name"> = {
  ...DEFAULT_ROUTE,
  entity: null,
  match: { path: "/**", methods: null, host: null, headers: [] },
};

/** The primary's answer as it was; bodies in memory are paid for by whoever takes it up. */
export function primaryAgain({ write }: WaitingWrite, spool: Pick<Spool, "bring">): PrimaryAnswered {
  const { answer, body } = write;
  const [sent, answered] = [copyAgain(body, spool), copyAgain(answer.body, spool)];
  return {
    end: "answered",
    status: answer.status,
    headers: answer.headers,
    body: { kind: "kept", copy: answered, length: lengthOf(answer.body) },
    requestBody: { kind: "kept", copy: sent, length: lengthOf(body) },
    requestComplete: true,
    ms: answer.ms,
    release() {
      for (const copy of [sent, answered]) if (copy.kind === "spooled") copy.file.discard();
    },
  };
}

function copyAgain(body: JournaledBody, spool: Pick<Spool, "bring">): BodyCopy {
  if (body.kind !== "spooled") return body;
  return { kind: "spooled", length: body.length, file: spool.bring(body.name, body.length) };
}

/** The journal alone has the write from here on: its bodies in the spool stay when their copies are given back. */
export function leaveBodies({ requestBody, body }: PrimaryAnswered): void {
  for (const one of [requestBody, body]) if (one.kind === "kept" && one.copy.kind === "spooled") one.copy.file.leave();
}

/** It has not been kept after all. */
export function takeBackBodies({ body, answer }: AcceptedWrite, spool: Pick<Spool, "bring">): void {
  for (const one of [body, answer.body]) if (one.kind === "spooled") spool.bring(one.name, one.length);
}

export function lengthOf(body: JournaledBody): number {
  return body.kind === "memory" ? body.bytes.length : body.length;
}

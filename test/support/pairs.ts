/** Exchanges that are kept whole, and a keeper that keeps none. */
import { groupId, groupSignature } from "../../proxy/evidence/groups.ts";
import { makeUlid } from "../../proxy/identity.ts";
import type { StoreWrite } from "../../proxy/ports.ts";
import type { PairKeeper } from "../../proxy/record/pair-keeper.ts";
import type { StoredPair } from "../../proxy/evidence/stored-pair.ts";
import { NOON } from "./evidence.ts";

export const NO_PAIRS: PairKeeper = {
  choose: () => null,
  keep: () => undefined,
  whenDone: () => Promise.resolve(),
  finish: () => undefined,
  losses: () => ({ "too-large": 0, failed: 0, "no-room": 0 }),
};

export const JSON_HEADERS: readonly string[] = ["content-type", "application/json"];

let made = 0;

/** A divergent `PUT /users/42`: `/total` is 1 and 2. */
export function makePair(given: Partial<StoredPair> = {}): StoredPair {
  made += 1;
  const outcome = given.outcome ?? "divergent";
  const route = given.route ?? "users";
  const method = given.request?.method ?? "PUT";
  const differs = [{ at: "/total", kind: "value", primary: "1", shadow: "2" }] as const;
  const differences = given.differences ?? (outcome === "divergent" ? differs : []);
  const message = (text: string) => ({ headers: JSON_HEADERS, body: { text }, redacted: [] });
  return {
    id: makeUlid(NOON + made),
    time: new Date(NOON + made).toISOString(),
    phase: "dual-write",
    key: "users/42",
    build: null,
    group: outcome === "divergent" ? groupId(route, method, groupSignature(differences)) : null,
    request: { method, target: "/users/42", scheme: "http", ...message('{"name":"Ann"}') },
    primary: { service: "legacy", status: 200, ...message('{"total":1}') },
    shadow: { service: "next", status: 200, ...message(outcome === "divergent" ? '{"total":2}' : '{"total":1}') },
    rules: [],
    moreDifferences: 0,
    ...given,
    route,
    outcome,
    differences,
  };
}

/** What the recorder appends for it. */
export function pairWrite(pair: StoredPair): StoreWrite {
  const { id, time, route, group, outcome, key, request } = pair;
  const bucket = group ?? `${outcome} ${request.method} ${route}`;
  return { type: "pair", id, at: Date.parse(time), route, bucket, group, outcome, key, json: JSON.stringify(pair) };
}

/**
 * The keys of a store in Redis. All begin with `PREFIX:{N}:`, where N is a partition: the braces are the hash tag that
 * keeps a partition on one slot of a cluster, so that a script changes it whole or not at all. Everything about a route
 * is in the route's partition. A store has one partition, or 16 where Redis is a cluster; `meta` says how many.
 *
 * Of the store, in partition 0:
 * | `meta`               | hash  | generation, partitions, secret (what evidence is redacted under), replication id last seen
 * | `overrides`          | hash  | [route, setting] → what an operator set over the file
 * | `audit`              | zset  | entry → position
 * | `places`             | hash  | address → what is known of a place; `places:seen` (zset) → last seen
 * | `phases`             | hash  | route → the phase that it is in; `transition` (string) the last one, `transition:acks` (hash) member → what it said, `transition:witness` (hash) member → that it has read no end; steps are told on the channel `moves`
 * | `gate-evidence`      | hash  | [route, run] → what was counted for the gate
 * | `row-jobs`           | hash  | job and collection → how the last one ended
 * | `claim:WHAT`         | string | the process that does it for all, until nobody renews it (claim.lua)
 * | `members`            | hash  | member → what it said of itself; `members:life` which process it is; `members:heard`: when
 *                                 (time that any was heard, and Redis' own; members.lua); `members:clock` those times
 * | `calls`              | hash  | what members are asked about → the last question, and when; `call:A` (string) its sealed text, `call:A:answers`
 *                                 (hash) member → its sealed answer (calls.lua); for a minute
 *
 * Of each partition; positions go up with time and are unique in it:
 * | `clock`              | hash  | highest position; time, and how long somebody was heard (runs.lua); gaps numbered; of
 *                                 partition 0 how often overrides have changed, and phases
 * | `runs`               | zset  | process life → heard at (by `clock`)
 * | `run:R`              | hash  | last batch applied; its own counts; pending writes by route; heartbeat; routes; of a lasting
 *                                 one which process goes on with it (life), its generation, the journal's mark, whether it left; who gets the copies of a route
 * | `run:R:gaps`         | set   | gaps it holds open
 * | `eligible`           | hash  | route → writes
 * | `leanings`           | hash  | [route, kind] → [times, first, last] of what leaned on legacy or on Crossfade
 * | `compared`           | hash  | route → exchanges, reads included
 * | `outcomes`           | hash  | [route, outcome, reason] → writes
 * | `repairs`            | zset  | [route, whole, key] → position; `repairs:ROUTE` the same of one route
 * | `repair:since`, `repair:last` [reason, exchange, who misses it], `repair:times` | hash | of each repair; `repairs:count`, `repairs:parked` of each route
 * | `repair:bound`       | hash  | of each repair that has one: not before, ms; `repair:place` [sealed, part, uncreated]; `repair:tried` JSON
 * | `gaps`               | zset  | id → position; `gap`: [route, from, why, run, who misses it], `gap:to`: closed at; `gaps:count` of each route
 * | `turn:H`             | hash  | turns of the writes of a key, which is H, a keyed hash; `turn:H:runs`, `turns:R` (turn.lua); R is told of those that come to it on a channel of that name
 * | `earlier`            | hash  | of each run the lowest numbers of writes that it has open; `earlier:moved` when one ended (turns.lua)
 * | `pin:H`              | hash  | of a name that reads are pinned by (H, its keyed hash) the lives that hold it; `pins:of:LIFE`, `pins:lives:RUN` (set); `pins:said` run → until when it is sure of what it holds, and what that is about (pins.lua)
 * | `gaps:unclean`       | hash  | route → the gap that the last unclean end left, and how many there were
 * | `records`, `cards`   | hash  | record's id → its text; what it is found by (base.lua)
 * | `order`              | zset  | record's id → position
 * | `plain`              | zset  | record's id → arrival, of those that are no samples: what may be evicted
 * | `bytes`              | number | of `records`
 * | `pairs`              | hash  | exchange's id → it whole; `pairs:cards`, `pairs:buckets`, `pairs:ranks` (hash) of each
 * | `pairs:order`        | zset  | id → position; `pairs:at` → arrival, `pairs:bucket:B` those of a bucket; `pairs:bytes` of all
 * | `groups`             | zset  | group → count, negative; `groups:seen` → last seen
 * | `group:G`            | hash  | one group; `group:G:hours` (hash), `group:G:drawn` (zset by rank), `group:G:records` (zset)
 *
 * Turns are spread by entity key in place of the route. Of each partition, by the kind of value in place of the route:
 * | `values:legacy`      | hash  | kind, hash of legacy's → pair; `values:next` kind, hash of next's → name of the pair there
 * | `values:order`       | zset  | name → position; `values:last` the highest; `values:ends` → when it ends
 */
export const CLUSTER_PARTITIONS = 16;

/** What is told of turns that come to `run`, or that others wait for. */
export function turnsChannel(prefix: string, partition: number, run: string): string {
  return `${baseOf(prefix, partition)}turns:${run}`;
}

/** What is told of steps of a transition. */
export function movesChannel(prefix: string): string {
  return `${baseOf(prefix, 0)}moves`;
}

export function baseOf(prefix: string, partition: number): string {
  return `${prefix}:{${partition}}:`;
}

/** FNV-1a: even enough, and the same in every process and version. */
export function partitionOf(route: string, partitions: number): number {
  if (partitions === 1) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < route.length; i++) hash = Math.imul(hash ^ route.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % partitions;
}

/** What clients of a fault's members were answered, and what both services' accounts say of it afterwards. */
import { setTimeout as wait } from "node:timers/promises";
import { request } from "undici";
import { accountOf } from "./cutover.ts";

interface Reached {
  readonly proxyUrl: string;
  readonly adminUrl: string;
}

const SETTLED_WITHIN_MS = 40_000;

/** Each writes its own key, one write behind the other, at any member. */
export class Clients {
  readonly acknowledged = new Map<string, Set<number>>();
  /** Answers of 503: those writes were sent nowhere. */
  refused = 0;
  readonly unexpected: string[] = [];
  readonly #members: readonly Reached[];
  #running: Promise<void>[] = [];
  #isOver = false;

  constructor(members: readonly Reached[]) {
    this.#members = members;
  }

  begin(): void {
    this.#running = Array.from({ length: 6 }, (_, n) => this.#write(`/users/${n}`));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  async #write(key: string): Promise<void> {
    const own = new Set<number>();
    this.acknowledged.set(key, own);
    for (let n = 1; !this.#isOver; n++) {
      const member = this.#members[n % this.#members.length] as Reached;
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ n });
      const answer = await request(member.proxyUrl + key, { method: "PUT", body, headers }).catch(() => null);
      const text = (await answer?.body.text().catch(() => "")) ?? "";
      if (answer?.statusCode === 200) own.add(n);
      else if (answer?.statusCode === 503) this.refused++;
      // Where its member is killed a client gets no answer.
      else if (answer !== null) this.unexpected.push(`${key} ${n}: ${answer.statusCode} ${text}`);
      await wait(answer === null ? 50 : 30);
    }
  }
}

/** Every member says the same, and holds nothing back. */
export async function agreed(members: readonly Reached[]): Promise<string> {
  const until = performance.now() + SETTLED_WITHIN_MS;
  for (;;) {
    const said = await Promise.all(members.map(({ adminUrl }) => routeOf(adminUrl)));
    const [first] = said;
    if (
      first !== null &&
      first !== undefined &&
      said.every((one) => one?.phase === first.phase && one.heldWrites === null)
    )
      return first.phase;
    if (performance.now() > until) return `they do not agree: ${JSON.stringify(said)}`;
    await wait(50);
  }
}

export async function violationsOf(
  members: readonly Reached[],
  clients: Clients,
  [legacyUrl, nextUrl]: readonly [string, string],
  phase: string,
): Promise<readonly string[]> {
  const violations = [...clients.unexpected];
  if (phase !== "dual-write" && phase !== "next-primary") return [...violations, phase];
  const until = performance.now() + SETTLED_WITHIN_MS;
  for (const { adminUrl } of members) {
    for (;;) {
      const route = await routeOf(adminUrl);
      if (route?.pending === 0) break;
      if (performance.now() > until) return [...violations, `${route?.pending ?? "all"} writes have no outcome`];
      await wait(50);
    }
  }
  const [first] = members;
  const open = await workOf((first as Reached).adminUrl);
  const [{ applied: legacy }, { applied: next }] = [await accountOf(legacyUrl), await accountOf(nextUrl)];
  for (const [key, ns] of clients.acknowledged) {
    const sides = [legacy[key] ?? [], next[key] ?? []];
    let last: number | null = null;
    let changes = 0;
    for (const n of [...ns].sort((a, b) => a - b)) {
      const own = sides.map((applied) => applied.filter((one) => one.n === n && !one.copy).length);
      const copies = sides.map((applied) => applied.filter((one) => one.n === n && one.copy).length);
      if ((own[0] === 1) === (own[1] === 1) || (own[0] ?? 0) + (own[1] ?? 0) !== 1) {
        violations.push(`split: ${key} ${n} was taken as primary ${own[0]} times by legacy, ${own[1]} by next`);
        continue;
      }
      const side = own[0] === 1 ? 0 : 1;
      if (copies[1 - side] === 0 && !open.isKnown(key)) violations.push(`lost: ${key} ${n} reached one side alone`);
      if (last !== null && side !== last) changes++;
      last = side;
    }
    if (changes > 1) violations.push(`wrong side: ${key} changed its primary ${changes} times in one move`);
    const isAtNext = last === 1;
    if (last !== null && isAtNext !== (phase === "next-primary"))
      violations.push(`wrong side: ${key} was written last at ${isAtNext ? "next" : "legacy"}, in phase ${phase}`);
  }
  return violations;
}

async function workOf(adminUrl: string): Promise<{ isKnown(key: string): boolean }> {
  const list = async (name: string): Promise<readonly { key?: string | null }[]> => {
    const { body } = await request(`${adminUrl}/api/v1/${name}?limit=1000`);
    return ((await body.json()) as { items: { key?: string | null }[] }).items;
  };
  const [repairs, gaps] = [await list("repairs"), await list("gaps")];
  const keys = new Set(repairs.map(({ key }) => key));
  return { isKnown: (path) => gaps.length > 0 || keys.has(null) || keys.has(path.slice(1)) };
}

interface RouteJson {
  readonly phase: string;
  readonly heldWrites: number | null;
  readonly pending: number;
}

async function routeOf(adminUrl: string): Promise<RouteJson | null> {
  const answer = await request(`${adminUrl}/api/v1/routes/users`).catch(() => null);
  return answer?.statusCode === 200 ? ((await answer.body.json()) as RouteJson) : null;
}

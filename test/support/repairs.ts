/** What tests of repair ask of a running Crossfade. */
import assert from "node:assert/strict";
import { request } from "undici";
import type { RepairRecord } from "../../proxy/evidence/evidence.ts";
import type { JobRecord } from "../../proxy/repair-job.ts";
import type { SeenRequest, TestService } from "./service.ts";

interface Running {
  readonly crossfade: { readonly adminUrl: string };
  api<T>(path: string): Promise<T>;
}

export async function repairsOf(bench: Running): Promise<readonly RepairRecord[]> {
  return (await bench.api<{ items: RepairRecord[] }>("/api/v1/repairs")).items;
}

export async function post(
  bench: Running,
  path: string,
  body: unknown,
  method: "POST" | "PATCH" = "POST",
): Promise<{ readonly status: number; readonly body: unknown }> {
  const headers = { "content-type": "application/json" };
  const answer = await request(bench.crossfade.adminUrl + path, { method, headers, body: JSON.stringify(body) });
  return { status: answer.statusCode, body: await answer.body.json() };
}

export async function startRepair(bench: Running, order: Readonly<Record<string, unknown>> = {}): Promise<JobRecord> {
  const { status, body } = await post(bench, "/api/v1/repairs/run", order);
  assert.equal(status, 200, JSON.stringify(body));
  return body as JobRecord;
}

/** The job once it has ended. */
export async function ended(bench: Running, id: string): Promise<JobRecord> {
  for (;;) {
    const job = await bench.api<JobRecord>(`/api/v1/jobs/${id}`);
    if (job.state !== "running") return job;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function repair(bench: Running, order: Readonly<Record<string, unknown>> = {}): Promise<JobRecord> {
  return ended(bench, (await startRepair(bench, order)).id);
}

/** Results that came up, by name. */
export function resultsOf({ results }: JobRecord): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(results).filter(([, count]) => count > 0));
}

/** Requests that Crossfade made itself, from the `from`th on: `PUT /users/1`. */
export function ownRequests(service: TestService, from = 0): readonly string[] {
  return service.seen
    .slice(from)
    .filter(isOwn)
    .map(({ method, target }) => `${method} ${target}`);
}

function isOwn(seen: SeenRequest): boolean {
  return (
    seen.header("x-crossfade-shadow") !== null &&
    (seen.header("idempotency-key")?.startsWith("repair-") ?? seen.method === "GET")
  );
}

/** A real proxy after traffic of every kind that a metric tells of: matches, divergences, failures, repairs, copies that wait. */
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { type Bench, type Cleanup, startBench } from "../support/crossfade.ts";
import { startRepair } from "../support/repairs.ts";
import { hang, json } from "../support/service.ts";

const ROUTES = `
routes:
  - name: users
    match: { path: "/users/**" }
    mirror: { reads: 100% }
  - name: rest
    match: { path: "/**" }
`;

export interface BusyProxy {
  readonly bench: Bench;
  /** What `/metrics` says now. */
  metrics(): Promise<string>;
}

export async function startBusyProxy(t: Cleanup): Promise<BusyProxy> {
  const bench = await startBench(t, {
    store: "sqlite",
    routes: ROUTES,
    legacy: ({ target, method }, response) => {
      const status = target.endsWith("/taken") ? 409 : method === "POST" ? 201 : 200;
      json(status, { id: "1", total: 10 })({} as never, response);
    },
    next: ({ target, method }, response) => {
      if (target.endsWith("/sick")) json(500, { id: "1" })({} as never, response);
      else if (target.endsWith("/late")) hang({} as never, response);
      else
        json(method === "POST" ? 201 : 200, { id: "1", total: target.endsWith("/wrong") ? 11 : 10 })(
          {} as never,
          response,
        );
    },
  });
  const metrics = async (): Promise<string> => await (await request(`${bench.crossfade.adminUrl}/metrics`)).body.text();
  for (const path of ["/users/1", "/users/wrong", "/users/sick", "/users/taken", "/other/1"]) {
    await bench.send("PUT", path, { total: 10 });
    await bench.send("GET", path);
  }
  await bench.settled(8);
  await startRepair(bench);
  // From now on copies wait, so that there is a lag, and a time until writes drop.
  for (let i = 0; i < 3; i++) await bench.send("PUT", "/users/late", { total: i });
  for (const sought of [/^crossfade_headroom \d/m, /^crossfade_repairs_ended_total\{/m]) {
    while (!sought.test(await metrics())) await sleep(50);
  }
  return { bench, metrics };
}

/** The labels that each metric of an exposition has, in any of its series. */
export function labelsByMetric(exposition: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const line of exposition.split("\n")) {
    const series = /^([a-z_:][\w:]*)(?:\{(.*)\})? \S+$/i.exec(line);
    if (series === null) continue;
    const [, name = "", labels = ""] = series;
    const known = found.get(name) ?? new Set<string>();
    for (const [, label = ""] of labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) known.add(label);
    found.set(name, known);
  }
  return found;
}

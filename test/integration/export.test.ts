/** `crossfade divergences export` against a real admin listener, with what it writes run by a real shell. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import { createAdmin } from "../../proxy/admin/server.ts";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { sampleAdminParts, sampleStatusInput } from "../support/admin-parts.ts";
import { type Ended, endOf, runCli, spawnCli } from "../support/cli.ts";
import { handClock, makeRecord, recordWrite } from "../support/evidence.ts";
import { startService, type TestService } from "../support/service.ts";

interface Running {
  readonly legacy: TestService;
  readonly next: TestService;
  readonly url: string;
  export(...args: readonly string[]): Promise<Ended>;
}

async function start(t: TestContext, records: readonly DivergenceRecord[]): Promise<Running> {
  const store = openMemoryStore({ clock: handClock() });
  store.append(records.map(recordWrite));
  const legacy = await startService();
  const next = await startService();
  const services = [
    { name: "legacy", origin: legacy.url, problem: null },
    { name: "next", origin: next.url, problem: null },
  ];
  const admin = await createAdmin(sampleAdminParts(store, { status: () => sampleStatusInput({ services }) }));
  t.after(() => Promise.all([admin.close(), legacy.close(), next.close()]));
  const url = `http://127.0.0.1:${admin.address.port}`;
  return { legacy, next, url, export: (...args) => runCli(["divergences", "export", "--admin", url, ...args]) };
}

const idsOf = (stdout: string): readonly string[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as DivergenceRecord).id);

test("all records that match are written, page by page, the newest first, as the log has them", async (t) => {
  const wide = [{ at: "/total", kind: "value" as const, primary: `"${"x".repeat(3_000)}"`, shadow: null }];
  const precise = [{ at: "/total/0", kind: "precision" as const, primary: "1", shadow: "2" }];
  // More than a page by number (1,000) and by size (4 MiB).
  const records = Array.from({ length: 2_500 }, (_, i) =>
    makeRecord({ route: i % 2 === 0 ? "users" : "orders", differences: i % 5 === 0 ? precise : wide }),
  );
  const running = await start(t, records);
  const all = await running.export();
  assert.equal(all.code, 0, all.stderr);
  assert.deepEqual(idsOf(all.stdout), records.map(({ id }) => id).reverse());
  assert.deepEqual(JSON.parse(all.stdout.split("\n")[0] as string), records.at(-1));

  const some = await running.export("--route", "users", "--kind", "precision", "--at", "/total");
  assert.deepEqual(
    idsOf(some.stdout),
    records
      .filter((_, i) => i % 10 === 0)
      .map(({ id }) => id)
      .reverse(),
  );
  const none = await running.export("--route", "nobody");
  assert.deepEqual([none.code, none.stdout], [0, ""]);
});

test("a reader that has seen enough ends it without an error", async (t) => {
  const records = Array.from({ length: 3_000 }, () => makeRecord());
  const { url } = await start(t, records);
  const child = spawnCli(["divergences", "export", "--admin", url]);
  const ended = endOf(child);
  child.stdout?.once("data", () => child.stdout?.destroy());
  const { code, stderr } = await ended;
  assert.deepEqual([code, stderr], [0, ""]);
});

test("curl commands repeat the requests against the service that is named", { skip: !hasCurl() }, async (t) => {
  const records = [
    makeRecord({ method: "GET", path: "/users/o'brien$(id)", query: "a=1&b=x'y" }),
    makeRecord({ method: "GET", path: "/a/../b/%2e#c", query: null }),
    makeRecord({ method: "GET", path: "//other/[1-3]{a,b}", query: null }),
    makeRecord({ method: "HEAD", path: "/head" }),
    makeRecord({ method: "DELETE", path: "/users/42" }),
    makeRecord({ method: "PUT", path: "/users/42" }),
    makeRecord({ method: "GET", path: "/users/[redacted 1f3a9c2e]" }),
  ];
  const running = await start(t, records);
  for (const name of ["legacy", "next"] as const) {
    const { code, stdout, stderr } = await running.export("--format", "curl", "--to", name);
    assert.equal(code, 0, stderr);
    await promisify(execFile)("sh", ["-e", "-c", stdout]);
    assert.deepEqual(
      running[name].seen.map(({ method, target }) => `${method} ${target}`),
      [
        "DELETE /users/42",
        "HEAD /head",
        "GET //other/[1-3]{a,b}",
        "GET /a/../b/%2e#c",
        "GET /users/o'brien$(id)?a=1&b=x'y",
      ],
    );
    assert.equal(stdout.match(/^# not run: /gm)?.length, 2);
  }
});

test("a format, a service, a time that are none are told with what there is", async (t) => {
  const running = await start(t, []);
  const cases = [
    [["--format", "har"], /Allowed choices are ndjson, curl/],
    [["--format", "curl", "--to", "shadow"], /Allowed choices are legacy, next/],
    [["--since", "yesterday"], /since is "yesterday"/],
  ] as const;
  for (const [args, expected] of cases) {
    const { code, stderr, stdout } = await running.export(...args);
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, expected);
  }
});

function hasCurl(): boolean {
  try {
    execFileSync("curl", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

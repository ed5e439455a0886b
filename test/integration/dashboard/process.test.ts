/** The pages around the process: the kill switch, repairs, members, what is not seen, and the audit of all of it. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { request } from "undici";
import type { AuditEntry } from "../../../proxy/evidence/audit.ts";
import type { StatusView } from "../../../proxy/admin/status-view.ts";
import type { RepairRecord } from "../../../proxy/evidence/evidence.ts";
import { view } from "../../support/browser.ts";
import { openFileBrowser } from "../../support/file-browser.ts";
import { openShop } from "../../support/shop.ts";
import { until } from "../../support/until.ts";

const browser = await openFileBrowser();

test("all mirroring is switched off and on, the first page is loud about it, and the audit has who and why", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(1);
  const { adminUrl } = shop.crossfade;
  const { page, complaints } = await view(browser, adminUrl, { width: 1280 });
  await page.goto(`${adminUrl}/#/process`);
  const section = page.getByRole("region", { name: "The kill switch" });
  await section.getByLabel("Reason").fill("next is on fire");
  await section.getByRole("button", { name: "Switch all mirroring off" }).click();
  await section.getByText("next is on fire").waitFor();
  assert.equal((await shop.api<StatusView>("/api/v1/status")).mirroring, false);
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { level: 1, name: /^Mirroring is off/ }).waitFor();
  await page.getByRole("link", { name: "Lanes and members" }).click();
  await section.getByRole("button", { name: "Switch mirroring on" }).click();
  await section.getByRole("button", { name: "Switch all mirroring off" }).waitFor();
  await page.getByRole("link", { name: "Audit" }).click();
  const changes = page.getByRole("table", { name: "Changes" });
  await changes.getByText("next is on fire").waitFor();
  assert.match(
    (await changes.innerText()).replaceAll(/\s+/g, " "),
    /loopback override: mirror off the whole process next is on fire/,
  );
  const change = { method: "PATCH", headers: { "content-type": "application/json" }, body: '{"reads":"5%"}' } as const;
  await request(`${adminUrl}/api/v1/routes/carts`, change);
  await changes.getByRole("link", { name: "carts" }).click();
  await page.getByRole("heading", { level: 1, name: "carts" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("a run over the repair list is started here, dry first, and what it found is told", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(4);
  const listed = async (): Promise<readonly RepairRecord[]> =>
    (await shop.api<{ items: RepairRecord[] }>("/api/v1/repairs?route=carts")).items;
  await until(async () => (await listed()).length > 0);
  const { adminUrl } = shop.crossfade;
  const { page, complaints } = await view(browser, adminUrl, { width: 1280 });
  await page.goto(`${adminUrl}/#/repairs?route=carts`);
  const keys = page.getByRole("table", { name: "Keys on the repair list" });
  await keys.getByText("carts/2", { exact: true }).waitFor();
  assert.equal(
    await page.getByRole("button", { name: "Repair now" }).isDisabled(),
    true,
    "not without saying that it may write",
  );
  await page.getByRole("button", { name: "Dry run" }).click();
  const runs = page.getByRole("region", { name: "Runs since the process began" });
  await runs.getByRole("heading", { name: "Dry run of carts done" }).waitFor();
  await runs.getByText("What was found").click();
  await runs.getByText(/^carts\/2: /).waitFor();
  assert.ok((await listed()).length > 0, "a dry run changes nothing");
  await page.getByRole("region", { name: "Repair carts" }).getByLabel("Reason").fill("next is well again");
  await page.getByRole("checkbox", { name: "it may write to the shadow" }).check();
  await page.getByRole("button", { name: "Repair now" }).click();
  await runs.getByRole("heading", { name: "Repair of carts done" }).waitFor();
  const { items: jobs } = await shop.api<{ items: { dryRun: boolean; route: string }[] }>("/api/v1/jobs");
  assert.deepEqual(
    jobs.map(({ dryRun, route }) => [dryRun, route]),
    [
      [false, "carts"],
      [true, "carts"],
    ],
  );
  const { items: changes } = await shop.api<{ items: AuditEntry[] }>("/api/v1/audit");
  const told = changes
    .filter(({ action }) => action === "repair")
    .map(({ what, reason }) => [what.split(":")[0], reason]);
  assert.deepEqual(told, [
    ["repair ended (done)", "next is well again"],
    ["repair started", "next is well again"],
    ["dry run of a repair ended (done)", null],
    ["dry run of a repair started", null],
  ]);
  assert.deepEqual(complaints, []);
});

test("what is not seen is named: open tunnels, bodies over the cap, reads that are not mirrored, rules that excuse", async (t) => {
  const shop = await openShop(t, { limits: "limits: { bodyInMemory: 1KiB, bodyOnDisk: 4KiB }" });
  await shop.traffic(2);
  shop.legacy.upgradeWith("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  const { hostname, port } = new URL(shop.crossfade.proxyUrl);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  socket.write("GET /carts/1/events HTTP/1.1\r\nhost: shop\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  await shop.send("PUT", "/users/77", { name: "x".repeat(8_192) });
  await until(async () => {
    const { reasons } = await shop.api<{ reasons: Record<string, number> }>("/api/v1/routes/users");
    return reasons["body-too-large"] === 1;
  });
  const { adminUrl } = shop.crossfade;
  const { page, complaints } = await view(browser, adminUrl, { width: 1280 });
  await page.goto(`${adminUrl}/#/unseen`);
  const of = (route: string) => page.getByRole("region", { name: route, exact: true });
  await of("carts").getByText("1 tunnel open").waitFor();
  await of("users").getByText("0 tunnels open").waitFor();
  await of("users").getByText("1 request").waitFor();
  await of("users")
    .getByText(/Differences that a rule excuses: ignore \/updatedAt/)
    .waitFor();
  await of("carts").getByText("all reads").waitFor();
  await of("reports").getByText("legacy-only: nothing is mirrored, so nothing is compared").waitFor();
  assert.deepEqual(complaints, []);
});

test("services that do not answer, limits and members are told as the API has them", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(1);
  const status = await shop.api<StatusView>("/api/v1/status");
  const { adminUrl } = shop.crossfade;
  const { page, complaints } = await view(browser, adminUrl, { width: 360 });
  await page.goto(`${adminUrl}/#/process`);
  const members = page.getByRole("table", { name: "Members" });
  await members.getByText("answers here").waitFor();
  const text = (await page.getByRole("main").innerText()).replaceAll(/\s+/g, " ");
  for (const { name, origin } of status.services) assert.ok(text.includes(`${name} at ${origin}: well`), text);
  assert.match(text, /in memory .*0 B of 64 MiB \(0 %\)/);
  assert.ok(text.includes(status.members[0]?.id ?? "none"));
  assert.deepEqual(complaints, []);
});

/** The first page in a real Chromium, on what real traffic left behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatusView } from "../../../proxy/admin/status-view.ts";
import { spellCount } from "../../../proxy/admin/sentences.ts";
import { createAdmin } from "../../../proxy/admin/server.ts";
import { sampleAdminParts, sampleRouteState, sampleStatusInput } from "../../support/admin-parts.ts";
import { view } from "../../support/browser.ts";
import { openFileBrowser } from "../../support/file-browser.ts";
import { fixedStore } from "../../support/fixed-store.ts";
import { startRelay } from "../../support/relay.ts";
import { openShop } from "../../support/shop.ts";

const browser = await openFileBrowser();

test("it opens with the sentence that matters, and the bars sum to the whole", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(14);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  const status = await shop.api<StatusView>("/api/v1/status");
  await page.getByRole("heading", { level: 1, name: status.summary }).waitFor();
  assert.equal(await page.title(), `${status.summary} · Crossfade`);

  const table = page.getByRole("table", { name: "Routes, what is wrong first" });
  for (const route of status.routes) {
    const row = table.getByRole("row").filter({ has: page.getByRole("rowheader", { name: route.name }) });
    const text = (await row.innerText()).replaceAll(/\s+/g, " ");
    assert.ok(text.includes(route.phase), text);
    if (route.eligible === 0) continue;
    assert.ok(text.includes(`${spellCount(route.eligible)} ${route.unit} =`), text);
    for (const [outcome, count] of Object.entries(route.outcomes)) {
      if (count > 0 && outcome !== "ignored") assert.ok(text.includes(`${spellCount(count)} ${outcome}`), text);
    }
    const widths = await row
      .locator("rect")
      .evaluateAll((rects) =>
        (rects as unknown as { getAttribute(name: string): string }[]).map((rect) =>
          Number(rect.getAttribute("width")),
        ),
      );
    const sum = widths.reduce((all, width) => all + width, 0);
    assert.ok(Math.abs(sum - 1000) < 1e-6, `${route.name}: ${sum}`);
  }
  assert.deepEqual(complaints, []);
});

test("figures change as traffic comes, without a reload, and the connection says that they are of now", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(1);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  const users = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "users" }) });
  await users.getByText("1 write =").waitFor();
  await page.evaluate("globalThis.loadedOnce = true");
  await shop.traffic(9);
  await users.getByText("10 writes =").waitFor();
  assert.equal(await page.evaluate("globalThis.loadedOnce"), true);
  assert.equal(await page.getByRole("status").innerText(), "✓ live");
  // The writes of the last half minute make a rate.
  await users.getByText(/^[\d.]+\/s$/).waitFor();
  assert.deepEqual(complaints, []);
});

test("a connection that is lost says of when the figures are, and comes back by itself", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(2);
  const relay = await startRelay(t, Number(new URL(shop.crossfade.adminUrl).port));
  const origin = `http://127.0.0.1:${relay.port}`;
  const { page } = await view(browser, origin, { width: 1280 });
  const users = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "users" }) });
  await users.getByText("2 writes =").waitFor();
  // Port 1 takes no connections.
  relay.leadTo(1);
  const told = page.getByRole("status");
  await told.getByText(/^Connection lost: .* The figures are of \d\d:\d\d:\d\d UTC\.$/).waitFor();
  assert.match(await users.innerText(), /2 writes =/);
  await page.getByText(/Trying again/).waitFor();
  relay.leadTo(Number(new URL(shop.crossfade.adminUrl).port));
  await told.getByText("live").waitFor();
  await shop.traffic(1);
  await users.getByText("3 writes =").waitFor();
});

test("where tokens are required one is asked for, kept in the tab, and stands in no address", async (t) => {
  const token = "s3cret-Of-Ops-51Hx0Qw9";
  const shop = await openShop(t, { admin: `tokens: [{ name: ops, role: read, token: "${token}" }]` });
  const origin = shop.crossfade.adminUrl;
  const { page, complaints } = await view(browser, origin, { width: 1280 });
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.getByLabel("Token").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("That token is not known here.").waitFor();
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Routes" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Routes" }).waitFor();
  assert.ok(asked.length > 0 && !asked.join(" ").includes(token) && !page.url().includes(token));
  assert.deepEqual(await page.evaluate("[localStorage.length, document.cookie]"), [0, ""]);
  assert.deepEqual(complaints, []);
  const other = await view(browser, origin, { width: 1280 });
  await other.page.getByLabel("Token").waitFor();
});

test("of 500 routes the 100 that are worst are shown, and all of them when asked for", async (t) => {
  const parts = sampleAdminParts(fixedStore());
  const clean = [{ outcome: "match", reason: null, count: 18_204 }] as const;
  const routes = Array.from({ length: 500 }, (_, i) =>
    sampleRouteState({ name: `route-${i}`, gaps: i === 499 ? 1 : 0, outcomes: clean }),
  );
  parts.input = sampleStatusInput({ routes });
  const admin = await createAdmin(parts);
  t.after(() => admin.close());
  const { page, complaints } = await view(browser, `http://127.0.0.1:${admin.address.port}`, {
    width: 1280,
  });
  const names = page.getByRole("table", { name: "Routes, what is wrong first" }).getByRole("rowheader");
  await names.first().getByText("route-499").waitFor();
  assert.equal(await names.count(), 100);
  await page.getByRole("button", { name: "All 500 routes" }).click();
  await names.getByText("route-498").waitFor();
  assert.equal(await names.count(), 500);
  assert.deepEqual(complaints, []);
});

/** The live list: what comes, what was before, breaks in between, and 100,000 lines; and that tabs leave each other room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { createAdmin } from "../../../proxy/admin/server.ts";
import type { DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import { sampleAdminParts } from "../../support/admin-parts.ts";
import { openBrowser, view, violations } from "../../support/browser.ts";
import { makeRecord } from "../../support/evidence.ts";
import { openFileBrowser } from "../../support/file-browser.ts";
import { fixedStore } from "../../support/fixed-store.ts";
import { startRelay } from "../../support/relay.ts";
import { openShop } from "../../support/shop.ts";

const browser = await openFileBrowser();

test("divergences come as they are recorded, before those of earlier, and are narrowed by what the address says", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(4);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/live`);
  const grid = page.getByRole("grid", { name: "Divergences, the newest first" });
  const rows = grid.locator(".vrows [role=row]");
  await rows.first().waitFor();
  const before = await rows.count();
  await shop.send("PUT", "/users/404", { name: "late" });
  await rows.first().getByText("PUT /users/404").waitFor();
  assert.equal(await rows.count(), before + 1);
  await page.getByLabel("route").selectOption("orders");
  await page.getByRole("heading", { name: /^\d+ divergences?$/ }).waitFor();
  assert.match(page.url(), /#\/live\?route=orders$/);
  await rows.first().getByText("orders", { exact: true }).waitFor();
  assert.ok(!(await grid.innerText()).includes("users"));
  await page.reload();
  await rows.first().getByText("orders", { exact: true }).waitFor();
  assert.deepEqual(complaints, []);
});

test("by keyboard: one stop for the whole list, arrows within it, Enter opens, Escape closes", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(6);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/live`);
  const box = page.locator(".vbox");
  await box.locator(".vrows [role=row]").first().waitFor();
  await box.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  const active = await box.locator(".is-active").innerText();
  const third = await box.locator(".vrows [role=row]").nth(2).innerText();
  assert.equal(active, third);
  assert.equal(await box.getAttribute("aria-activedescendant"), await box.locator(".is-active").getAttribute("id"));
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "The divergence" }).waitFor();
  assert.match(page.url(), /id=[0-9A-Z]{26}$/);
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "The divergence" }).waitFor({ state: "detached" });
  assert.equal(await page.evaluate("document.activeElement.getAttribute('role')"), "grid", "one is where one was");
  assert.deepEqual(complaints, []);
});

test("what came while there was no connection is there when it is back, once", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(2);
  const port = Number(new URL(shop.crossfade.adminUrl).port);
  const relay = await startRelay(t, port);
  const { page } = await view(browser, `http://127.0.0.1:${relay.port}`, { width: 1280 });
  await page.goto(`http://127.0.0.1:${relay.port}/#/live?route=users`);
  const rows = page.locator(".vrows [role=row]");
  await shop.send("PUT", "/users/4", { name: "before" });
  await rows.first().getByText("PUT /users/4").waitFor();
  // Port 1 takes no connections.
  relay.leadTo(1);
  await page.getByText("not live now").waitFor();
  await shop.send("PUT", "/users/8", { name: "meanwhile" });
  await shop.send("PUT", "/users/12", { name: "meanwhile" });
  relay.leadTo(port);
  await rows.first().getByText("PUT /users/12").waitFor();
  await shop.send("PUT", "/users/16", { name: "after" });
  await rows.first().getByText("PUT /users/16").waitFor();
  const asked = await rows.evaluateAll((all) =>
    (all as unknown as { innerText: string }[]).map((row) => /PUT \S+/.exec(row.innerText)?.[0]),
  );
  assert.deepEqual(asked, ["PUT /users/16", "PUT /users/12", "PUT /users/8", "PUT /users/4"]);
});

const MANY = 100_000;
const SCROLLS = 200;
/** Some rows further each time, within the first 2,200. */
const STEP_PX = 300;

/** Time of script, style and layout for scrolling a step each frame; rows in the document afterwards. */
async function scrollCost(page: Page): Promise<{ readonly ms: number; readonly rows: number }> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const spent = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    const parts = ["ScriptDuration", "LayoutDuration", "RecalcStyleDuration"];
    return metrics.reduce((sum, { name, value }) => (parts.includes(name) ? sum + 1000 * value : sum), 0);
  };
  const before = await spent();
  await page.evaluate(`(async () => {
    const box = document.querySelector(".vbox");
    for (let i = 1; i <= ${SCROLLS}; i += 1) {
      box.scrollTop = i * ${STEP_PX};
      await new Promise(requestAnimationFrame);
    }
    box.scrollTop = 0;
  })()`);
  const ms = (await spent()) - before;
  await session.detach();
  return { ms, rows: await page.locator(".vrows [role=row]").count() };
}

test("100,000 divergences are in the document as some dozens, and scrolling costs what it costs with 2,200", async (t) => {
  const records: DivergenceRecord[] = Array.from({ length: MANY }, (_, i) =>
    makeRecord({
      path: `/users/${MANY - i}`,
      key: null,
      differences: [{ at: "/total", kind: "value", primary: "1", shadow: "2" }],
    }),
  );
  const store = fixedStore({ divergences: records.toReversed() });
  const admin = await createAdmin(sampleAdminParts(store));
  t.after(() => admin.close());
  const origin = `http://127.0.0.1:${admin.address.port}`;
  // It measures: not in a browser that has shown other pages.
  const { page, complaints } = await view(await openBrowser(t), origin, { width: 1280 });
  await page.goto(`${origin}/#/live`);
  const box = page.locator(".vbox");
  await box.locator(".vrows [role=row]").first().waitFor();
  await box.focus();
  for (const count of ["1,200", "2,200"]) {
    await page.keyboard.press("End");
    await page.getByRole("heading", { name: `${count} divergences` }).waitFor();
  }
  const few = await scrollCost(page);
  await page.getByRole("button", { name: "Load all before them" }).click();
  await page.getByRole("heading", { name: "100,000 divergences" }).waitFor({ timeout: 120_000 });
  await box.focus();
  await page.keyboard.press("End");
  await box.getByText(`PUT /users/${MANY}`, { exact: true }).waitFor();
  assert.equal(await page.getByRole("grid").getAttribute("aria-rowcount"), String(MANY + 1));
  assert.equal(await box.locator(".is-active").getAttribute("aria-rowindex"), String(MANY + 1));
  await page.keyboard.press("Home");
  await box.getByText("PUT /users/1", { exact: true }).waitFor();
  const many = await scrollCost(page);
  assert.ok(many.rows < 80, `${many.rows} rows are in the document`);
  t.diagnostic(
    `200 scrolls cost ${few.ms.toFixed(0)} ms of script and layout with 2,200 lines, ${many.ms.toFixed(0)} with ${MANY}`,
  );
  assert.ok(many.ms < 2 * few.ms, `${many.ms} ms against ${few.ms}`);
  assert.deepEqual(complaints, []);
});

test("a filter that the API refuses is told, and not that there is nothing", async (t) => {
  const admin = await createAdmin(sampleAdminParts(fixedStore({ divergences: [] })));
  t.after(() => admin.close());
  const origin = `http://127.0.0.1:${admin.address.port}`;
  const { page, complaints } = await view(browser, origin, { width: 360 });
  await page.goto(`${origin}/#/live`);
  await page.getByText("None so far.").waitFor();
  await page.getByLabel(/^at /).fill("total");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText('at is "total", which is neither a JSON pointer').waitFor();
  assert.equal(await page.getByText("None so far.").count(), 0);
  await page.getByLabel(/^at /).fill("/total");
  await page.keyboard.press("Enter");
  await page.getByText("None so far.").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  assert.deepEqual(complaints, []);
});

/** As a browser says it of a tab that another one covers; no tab of a browser without a screen is. */
async function look(page: Page, seen: boolean): Promise<void> {
  await page.evaluate(`(() => {
    Object.defineProperty(document, "hidden", { configurable: true, value: ${!seen} });
    document.dispatchEvent(new Event("visibilitychange"));
  })()`);
}

test("tabs that are not looked at leave the one that is its connections, and go on once they are", async (t) => {
  const admin = await createAdmin(sampleAdminParts(fixedStore({ divergences: [] })));
  t.after(() => admin.close());
  const origin = `http://127.0.0.1:${admin.address.port}`;
  const { page: first } = await view(browser, origin, { width: 1280 });
  const live = (page: Page): Promise<void> => page.locator(".connection.is-live").waitFor();
  await live(first);
  // A browser has six connections for one host, and each list has two.
  for (let i = 0; i < 4; i += 1) {
    const page = await first.context().newPage();
    await page.clock.install();
    await page.goto(`${origin}/#/live`);
    await page.getByText("None so far.").waitFor();
    await look(page, false);
    await page.clock.fastForward(6_000);
    await page.getByRole("status").getByText("connecting").waitFor();
  }
  const covered = first.context().pages().at(-1) as Page;
  await look(covered, true);
  await live(covered);
});

/** The page of a route: its gate, and a move to another phase that is looked at before it is made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { request } from "undici";
import type { RouteView } from "../../../proxy/admin/route-view.ts";
import type { AuditEntry } from "../../../proxy/evidence/audit.ts";
import type { GateAnswer } from "../../../proxy/moves/gate-evidence.ts";
import type { RetireAnswer } from "../../../proxy/moves/retire.ts";
import { view, violations } from "../../support/browser.ts";
import { openFileBrowser } from "../../support/file-browser.ts";
import { openShop } from "../../support/shop.ts";
import { until } from "../../support/until.ts";

const browser = await openFileBrowser();

/** Presses Tab until the focus is on something of that name. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate<string>(
      "(document.activeElement?.innerText || document.activeElement?.labels?.[0]?.innerText || '').trim()",
    );
    if (focused.startsWith(name)) return;
  }
  assert.fail(`no Tab leads to ${name}`);
}

test("the gate says what is missing, as the API does", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(8);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/routes/users`);
  const section = page.getByRole("region", { name: "May next become the primary?" });
  const gate = await shop.api<GateAnswer>("/api/v1/routes/users/gate");
  await section.getByText(gate.sentence).waitFor();
  const text = (await section.innerText()).replaceAll(/\s+/g, " ");
  for (const { name, state } of gate.conditions)
    assert.ok(text.includes(`${name}, ${state.replace("-", " ")}:`), `${name} ${state} in ${text}`);
  assert.deepEqual(complaints, []);
});

test("by keyboard alone: from the first page to a route, a dry run, and the move with its reason", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(2);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.getByRole("heading", { name: "Routes" }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.innerText"), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate("document.activeElement.id"), "content");
  await tabTo(page, "carts");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "carts" }).waitFor();
  assert.equal(await page.evaluate("document.activeElement.id"), "content", "a new page is begun at its beginning");

  await tabTo(page, "Roll back to legacy-only");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "What this move would do: carts" });
  await dialog.getByText("from the first missed write on it is out of date").waitFor();
  assert.deepEqual(await violations(page), []);
  const before = await shop.api<{ phase: string }>("/api/v1/routes/carts");
  assert.equal(before.phase, "dual-write", "a dry run changes nothing");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  await tabTo(page, "Roll back to legacy-only");
  await page.keyboard.press("Enter");
  await tabTo(page, "Reason, kept in the audit");
  await page.keyboard.type("the rewrite is not ready");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Moved: carts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { level: 1, name: "carts legacy-only" }).waitFor();
  const after = await shop.api<{ phase: string }>("/api/v1/routes/carts");
  assert.equal(after.phase, "legacy-only");
  await until(async () => {
    const { items } = await shop.api<{ items: AuditEntry[] }>("/api/v1/audit");
    return items.some(({ subject, reason }) => subject === "carts" && reason === "the rewrite is not ready");
  });
  assert.deepEqual(complaints, []);
});

test("a move that the gate refuses says what is missing, and is forced only with a reason", async (t) => {
  const shop = await openShop(t, { legacyService: "effects: suppressed" });
  await shop.traffic(2);
  const { page } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/routes/orders`);
  await page.getByRole("button", { name: "Advance to next-primary" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/^gate, missing:/).waitFor();
  await dialog.getByText("Next answers clients from then on").waitFor();
  const move = dialog.getByRole("button", { name: "dual-write → next-primary" });
  assert.equal(await move.isDisabled(), true);
  await dialog.getByRole("checkbox").check();
  await move.click();
  assert.equal(
    await dialog
      .getByLabel("Reason, kept in the audit")
      .evaluate((field) => (field as unknown as { validity: { valueMissing: boolean } }).validity.valueMissing),
    true,
  );
  assert.equal((await shop.api<{ phase: string }>("/api/v1/routes/orders")).phase, "dual-write");
  await dialog.getByLabel("Reason, kept in the audit").fill("a rehearsal");
  await move.click();
  await page.getByRole("dialog", { name: "Moved: orders" }).waitFor();
  assert.equal((await shop.api<{ phase: string }>("/api/v1/routes/orders")).phase, "next-primary");
});

test("charts have both sides, and the same as a table", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(3);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/routes/users`);
  await page.getByRole("img", { name: /^At most, in exchanges a second: match [\d.]+, excused [\d.]+/ }).waitFor();
  await page
    .getByRole("img", { name: /^At most, in ms: legacy \(primary\) [\d.]+, next \(shadow\) [\d.]+$/ })
    .waitFor();
  assert.equal(await page.locator(".chart canvas").count(), 2);
  await page.getByText(/^The last \d+ intervals as a table$/).click();
  const table = page.getByRole("table", { name: "History of users" });
  assert.match(await table.innerText(), /legacy \(primary\)\s+next \(shadow\)/);
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(complaints, []);
});

test("mirroring of a route is stopped and given back to the file, with a reason that is kept", async (t) => {
  const shop = await openShop(t);
  const { page } = await view(browser, shop.crossfade.adminUrl, { width: 360 });
  await page.goto(`${shop.crossfade.adminUrl}/#/routes/users`);
  const section = page.getByRole("region", { name: "Mirroring and reads" });
  await section.getByLabel("Reason").fill("next is being moved");
  await section.getByRole("button", { name: "Stop mirroring writes" }).click();
  await section.getByText("mirroring of writes is set to off over the file by loopback").waitFor();
  await section.getByText("next is being moved").waitFor();
  await section.getByRole("button", { name: "As the file says" }).click();
  await section.getByRole("button", { name: "Stop mirroring writes" }).waitFor();
  const { overrides } = await shop.api<{ overrides: unknown[] }>("/api/v1/routes/users");
  assert.deepEqual(overrides, []);
});

const DIALLED = `
routes:
  - name: orders
    match: { path: "/orders/**" }
    mirror: { reads: 100% }
    compare: { headers: [content-type, location, etag] }
  - name: reports
    match: { path: "/**" }
    phase: legacy-only
`;

test("a share of reads is mirrored and another one dialled to next, what becomes of it is told, and the file has it back", async (t) => {
  const shop = await openShop(t, { routes: DIALLED });
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/routes/reports`);
  await page.getByRole("region", { name: "Mirroring and reads" }).getByText("Writes are not mirrored").waitFor();
  assert.equal(
    await page.getByRole("spinbutton", { name: "Reads that next answers, %" }).count(),
    0,
    "a phase without a shadow has no share",
  );
  await page.goto(`${shop.crossfade.adminUrl}/#/routes/orders`);
  const section = page.getByRole("region", { name: "Mirroring and reads" });
  await section.getByText("Writes are mirrored, of reads 100 %. Next answers 0 % of reads.").waitFor();
  await section.getByLabel("Reason").fill("first users on next");
  await section.getByRole("spinbutton", { name: "Reads that next answers, %" }).fill("100");
  await section.getByRole("button", { name: "Set: Reads that next answers, %" }).click();
  await section.getByText("the share of reads that next answers is set to 100 % over the file by loopback").waitFor();
  await section.getByText("first users on next").waitFor();
  await section.getByRole("spinbutton", { name: "Reads that are mirrored, %" }).fill("12.5");
  await page.keyboard.press("Enter");
  await section.getByText("the mirrored share of reads is set to 12.5 % over the file by loopback").waitFor();
  const route = await shop.api<RouteView>("/api/v1/routes/orders");
  assert.deepEqual([route.reads.dialShare, route.mirror.readShare], [1, 0.125]);
  // Where next may be behind legacy answers: either way the read fell to next.
  await until(async () => {
    await shop.send("GET", "/orders/1");
    const { dialledReads } = await shop.api<RouteView>("/api/v1/routes/orders");
    return dialledReads.next + dialledReads.pinned > 0;
  });
  await section.getByText(/^Writes are mirrored.* that fell to it \d+; legacy answered \d+/).waitFor();
  assert.deepEqual(await violations(page), []);
  await section.getByRole("button", { name: "As the file says" }).click();
  await section.getByText("Writes are mirrored, of reads 100 %. Next answers 0 % of reads").waitFor();
  assert.deepEqual((await shop.api<RouteView>("/api/v1/routes/orders")).overrides, []);
  assert.deepEqual(complaints, []);
});

test("a dial by which ETags of one service would go to the other is refused, in the API's words", async (t) => {
  const shop = await openShop(t);
  const { page } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/routes/orders`);
  await page.getByRole("spinbutton", { name: "Reads that next answers, %" }).fill("5");
  await page.keyboard.press("Enter");
  await page.getByText(/^Not changed: reads of orders cannot be dialled: .*etag/i).waitFor();
  assert.deepEqual((await shop.api<RouteView>("/api/v1/routes/orders")).overrides, []);
});

test("once next is the primary its page says what still leans on legacy, as the API does", async (t) => {
  const shop = await openShop(t, { legacyService: "effects: suppressed" });
  await shop.traffic(2);
  const { page, complaints } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/routes/orders`);
  await page.getByRole("heading", { name: "May next become the primary?" }).waitFor();
  const moved = await request(`${shop.crossfade.adminUrl}/api/v1/routes/orders/phase`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ step: "advance", force: true, reason: "a rehearsal" }),
  });
  assert.equal(moved.statusCode, 200, await moved.body.text());
  const section = page.getByRole("region", { name: "What still leans on legacy, or on Crossfade?" });
  await section.getByText(/^NOT YET\. /).waitFor();
  assert.equal(await page.getByRole("heading", { name: "May next become the primary?" }).count(), 0);
  const { conditions } = await shop.api<RetireAnswer>("/api/v1/routes/orders/retire");
  const text = (await section.innerText()).replaceAll(/\s+/g, " ");
  for (const { name, state } of conditions)
    assert.ok(text.includes(`${name}, ${state.replace("-", " ")}:`), `${name} ${state} in ${text}`);
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(complaints, []);
});

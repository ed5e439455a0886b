/** The page of a cause: what differs to the digit, what is redacted, and what can be said and done about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListedGroup } from "../../../proxy/evidence/evidence.ts";
import { view, type Viewer } from "../../support/browser.ts";
import { openFileBrowser } from "../../support/file-browser.ts";
import { openShop, type Shop } from "../../support/shop.ts";

const browser = await openFileBrowser();

async function openCause(shop: Shop, at: string): Promise<Viewer & { readonly cause: ListedGroup }> {
  const { items } = await shop.api<{ items: ListedGroup[] }>("/api/v1/groups?route=users&limit=50");
  const cause = items.find(({ signature }) => signature.length === 1 && signature[0]?.at === at);
  assert.ok(cause !== undefined, `no cause at ${at}`);
  const viewer = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await viewer.page.goto(`${shop.crossfade.adminUrl}/#/causes/${cause.id}`);
  await viewer.page.getByRole("heading", { name: "Request" }).waitFor();
  return { ...viewer, cause };
}

test("both sides stand side by side to the digit, and what is redacted is said to be, and nowhere else", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(8);
  const { page, complaints } = await openCause(shop, "/balance");
  const row = page.getByRole("table", { name: "What differs" }).getByRole("row").last();
  assert.match(
    (await row.innerText()).replaceAll(/\s+/g, " "),
    /^\/balance precision 9007199254740993 9007199254740992$/,
  );
  assert.deepEqual(await row.locator("mark").allInnerTexts(), ["3", "2"]);
  const primary = page.getByRole("region", { name: "Answer of legacy, the primary" });
  const shadow = page.getByRole("region", { name: "Answer of next, the shadow" });
  assert.equal(await primary.locator(".differs").innerText(), '"balance": 9007199254740993,');
  assert.equal(await shadow.locator(".differs").innerText(), '"balance": 9007199254740992,');
  const request = page.getByRole("region", { name: "Request" });
  const secrets = await request.locator(".redacted").allInnerTexts();
  assert.equal(secrets.length, 3, "authorization, phone, password");
  for (const secret of secrets) assert.match(secret, /^redacted [0-9a-f]{8}$/);
  const all = await page.evaluate<string>("document.documentElement.outerHTML");
  for (const secret of ["hunter2", "sk-live", "7946"]) assert.ok(!all.includes(secret), secret);
  assert.ok(all.includes("Zoë Ångström"));
  assert.deepEqual(complaints, []);
});

test("a sample stands in the address, and its request is copied as a command", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(8);
  const { page, cause } = await openCause(shop, "/balance");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  // Not of all of them the whole exchange is kept.
  const samples = page.getByRole("navigation", { name: "Samples of this cause" }).getByRole("link");
  const whole = samples.filter({ hasText: "whole" }).last();
  const path = (await whole.innerText()).replace(/ whole$/, "");
  await whole.click();
  assert.match(page.url(), new RegExp(`#/causes/${cause.id}\\?sample=[0-9A-Z]{26}$`));
  await page.getByRole("heading", { name: `PUT ${path}` }).waitFor();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await page.route("**/api/v1/pairs?*", async (route) => {
    await released;
    await route.continue();
  });
  await page.reload();
  await page.getByRole("heading", { name: `PUT ${path}` }).waitFor();
  const copy = page.getByRole("button", { name: "Copy as curl to next" });
  assert.equal(await copy.count(), 0, "not before its whole request is there");
  assert.equal(await page.getByText("not the whole exchange").count(), 0);
  release();
  await copy.click();
  await page.getByText("copied").waitFor();
  const copied = await page.evaluate<string>("navigator.clipboard.readText()");
  assert.match(copied, /^# not run: a part of its body is redacted$/m);
  assert.ok(copied.includes(`# curl --silent`) && copied.includes(`${shop.next.url}${path}`), copied);
});

test("a cause is acknowledged with a reason, and status is quiet about it until it is opened again", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(4);
  const { page, cause, complaints } = await openCause(shop, "/balance");
  const section = page.getByRole("region", { name: "What is known of it" });
  await section.getByRole("button", { name: "Acknowledge" }).click();
  assert.equal((await shop.api<ListedGroup>(`/api/v1/groups/${cause.id}`)).state, "new", "not without a reason");
  await section.getByLabel("Reason").fill("doubles until the rewrite reads decimals");
  await section.getByRole("checkbox", { name: "only for build 9f3c" }).check();
  await section.getByRole("button", { name: "Acknowledge" }).click();
  await section.getByText("acknowledged by loopback").waitFor();
  const { decision } = await shop.api<ListedGroup>(`/api/v1/groups/${cause.id}`);
  assert.deepEqual(
    [decision?.state, decision?.reason, decision?.build],
    ["acknowledged", "doubles until the rewrite reads decimals", "9f3c"],
  );
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { name: "What differs, by cause" }).waitFor();
  await page.getByText("/items order").first().waitFor();
  assert.equal(await page.getByRole("main").getByText("/balance precision").count(), 0);
  await page.goBack();
  await section.getByRole("button", { name: "Open it again" }).click();
  await section.getByText("It is new now.").waitFor();
  assert.deepEqual(complaints, []);
});

test("what is excused is written as YAML that a config takes, and places that must match are named", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(10);
  const { page } = await openCause(shop, "/name");
  const section = page.getByRole("region", { name: "Excuse this" });
  await section.getByLabel("/name").selectOption("normalise as trim");
  await section.getByLabel("Because").fill("next pads names");
  assert.equal(
    await section.getByLabel("Rules as YAML").innerText(),
    [
      "routes:",
      "  - name: users",
      "    compare:",
      "      normalise:",
      "        - { at: /name, as: trim, because: next pads names }",
    ].join("\n"),
  );
  assert.match(await section.innerText(), /It hides blanks at both ends\./);
  const { items } = await shop.api<{ items: ListedGroup[] }>("/api/v1/groups?route=users&limit=50");
  const must = items.find(({ signature }) => signature[0]?.at === "/balance");
  await page.goto(`${shop.crossfade.adminUrl}/#/causes/${must?.id}`);
  await section.getByText("/balance is in mustMatch of this route: no rule excuses it.").waitFor();
});

test("a request is sent once more, a write only by saying why, and the verdict is told", async (t) => {
  const shop = await openShop(t);
  await shop.traffic(6);
  const { items } = await shop.api<{ items: ListedGroup[] }>("/api/v1/groups?route=orders&limit=50");
  const reads = items.find(({ method, signature }) => method === "GET" && signature.length === 1);
  const { page } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.goto(`${shop.crossfade.adminUrl}/#/causes/${reads?.id}`);
  const before = shop.next.seen.length;
  await page.getByRole("button", { name: "Send it once more" }).click();
  await page.getByText("The same differences are still there. Sent to legacy and next.").waitFor();
  assert.equal(shop.next.seen.length, before + 1);
});

test("without the role for bodies whole exchanges are not shown, and nothing can be changed", async (t) => {
  const token = "reads-alone-51Hx0Qw9";
  const shop = await openShop(t, { admin: `tokens: [{ name: reader, role: read, token: "${token}" }]` });
  await shop.send("PUT", "/users/4", { name: "Ann", password: "hunter2" });
  const { page } = await view(browser, shop.crossfade.adminUrl, { width: 1280 });
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("main").getByText("/balance precision").click();
  await page
    .getByText(
      /^Whole exchanges are not shown: this shows whole requests and answers and needs a token with the role bodies/,
    )
    .waitFor();
  await page.getByLabel("Reason").fill("known");
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText(/^Not changed: this changes something and needs a token with the role operate/).waitFor();
});

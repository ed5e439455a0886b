/** The dashboard as files: small, from here alone, open to everybody because there is nothing in them. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { openMemoryStore } from "../../../adapters/store/memory.ts";
import { createAdmin } from "../../../proxy/admin/server.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import { sampleAdminParts, sampleSettings } from "../../support/admin-parts.ts";

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function start(): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const parts = sampleAdminParts(openMemoryStore({ clock: systemClock }));
  const tokens = [{ name: "ops", role: "operate" as const, token: "s3cret" }];
  parts.settings = sampleSettings({ admin: { ...parts.settings.admin, tokens } });
  const admin = await createAdmin(parts);
  open.push(admin);
  return (path, init) => fetch(`http://127.0.0.1:${admin.address.port}${path}`, init);
}

/** Of the page: every address in it. */
function addressesIn(html: string): readonly string[] {
  return [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, address = ""]) => address);
}

test("all that a browser loads is under 150 KB, comes from here, and needs no token", async () => {
  const get = await start();
  const page = await get("/");
  assert.equal(page.status, 200);
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  const html = await page.text();
  const addresses = addressesIn(html).filter((address) => address !== "data:,");
  assert.equal(addresses.length, 2, html);
  let bytes = Buffer.byteLength(html);
  for (const address of addresses) {
    assert.match(address, /^\/assets\/app-[A-Z0-9]{8}\.(?:js|css)$/);
    const asset = await get(address);
    assert.equal(asset.status, 200);
    assert.equal(asset.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.match(asset.headers.get("content-type") ?? "", address.endsWith(".js") ? /^text\/javascript/ : /^text\/css/);
    const text = await asset.text();
    // Namespaces of XML, and what a command for a Unix socket says, are no requests; nothing else may look like one.
    const elsewhere = [...text.matchAll(/https?:\/\/[\w./-]+/g)].map(([url]) => url);
    const harmless = (url: string): boolean => url.startsWith("http://www.w3.org/") || url === "http://localhost";
    assert.deepEqual(
      elsewhere.filter((url) => !harmless(url)),
      [],
    );
    bytes += Buffer.byteLength(text);
  }
  assert.ok(bytes > 20_000 && bytes < 150_000, `${bytes} bytes`);
  const licences = await (await get("/assets/LICENSES.txt")).text();
  assert.match(licences, /preact [\d.]+[^]*MIT[^]*uplot [\d.]+[^]*MIT/);
});

test("the policy allows the page its own files and this API, and nothing inline", async () => {
  const get = await start();
  const page = await get("/");
  assert.equal(
    page.headers.get("content-security-policy"),
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  const html = await page.text();
  assert.doesNotMatch(html, /<script(?![^>]*src=)|<style|\son\w+=|style="/);
});

test("there is nothing beside those files, whoever asks and however it is spelled", async () => {
  const get = await start();
  for (const path of ["page.html", "index.html", "..%2fserver.js", "%2e%2e%2fadmin%2fserver.js", "main.tsx", "a%00b"])
    assert.equal((await get(`/assets/${path}`)).status, 404, path);
  for (const path of ["/", "/assets/LICENSES.txt"]) {
    const posted = await get(path, { method: "POST" });
    assert.deepEqual([posted.status, posted.headers.get("allow")], [405, "GET, HEAD"]);
    const head = await get(path, { method: "HEAD" });
    assert.deepEqual([head.status, (await head.arrayBuffer()).byteLength], [200, 0]);
  }
  assert.equal((await get("/?x=1")).status, 400);
  assert.equal((await get("/api/v1/status")).status, 401);
});

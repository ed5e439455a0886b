import { startRecorder } from "./recorder.ts";
import { connectClient } from "./client.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { setTimeout as pause } from "node:timers/promises";
const p = await startRecorder(),
  s = await startRecorder();
import { writeFileSync } from "node:fs";
writeFileSync(
  "/tmp/wt/h-try.yaml",
  `listen: 127.0.0.1:0\nadmin: { listen: "127.0.0.1:0" }\nstore: "memory:"\ndivergenceLog: { file: /tmp/wt/h-div.ndjson }\nservices:\n  legacy: { url: "${p.url}" }\n  next: { url: "${s.url}", effects: suppressed }\n`,
);
const loaded = loadSettings({ file: "/tmp/wt/h-try.yaml", flags: {}, env: {} });
if (!loaded.ok) {
  console.log(loaded.errors);
  process.exit(1);
}
const c = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
async function go(name: string, ...parts: string[]) {
  p.arrivals.constructor;
  const before = new Map(p.arrivals);
  const cl = await connectClient(c.proxyUrl);
  for (const part of parts) {
    cl.write(part);
    await pause(150);
  }
  await pause(300);
  console.log("##", name, cl.closed ? "closed" : "open", JSON.stringify(cl.received().slice(0, 900)));
  console.log(
    "   arrivals:",
    [...p.arrivals]
      .filter(([k, v]) => before.get(k) !== v)
      .map(([k, v]) => `${k}x${v - (before.get(k) ?? 0)}`)
      .join(" "),
    p
      .audit()
      .slice(0, 3)
      .map((x) => x.slice(0, 200)),
  );
  cl.socket.destroy();
}
const r = (m: string, n: string, ls: string[] = [], b = "") =>
  `${m} /k/${n} HTTP/1.1\r\nHost: h\r\nx-nonce: ${n}\r\n${ls.map((l) => l + "\r\n").join("")}\r\n${b}`;

for (const n of [500, 900, 1000, 1300, 1500, 1900, 2000])
  await go(
    `${n} headers`,
    `POST /k/f${n} HTTP/1.1\r\nHost: h\r\n${"a:\r\n".repeat(n)}Transfer-Encoding: chunked\r\nX-Last: z\r\n\r\n5\r\nhello\r\n0\r\n\r\n${r("GET", "g" + n)}`,
  );
await c.stop(100);
await p.close();
await s.close();

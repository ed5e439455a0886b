import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { connectClient } from "./client.ts";
import { mutate, packets, wellFormedStream } from "./mutations.ts";
import { Chance, seedFor } from "./random.ts";
import { BY_THE_LETTER, READINGS, readRequests, valuesOf, type ReadRequest } from "./readings.ts";
import { startRecorder, type Recorder } from "./recorder.ts";
import { configText } from "./stage.ts";

const STREAMS = 2_000;
const AT_ONCE = 24;

test("damaged streams: what arrives was sent, what is answered belongs to who asked, and the readings of it agree", async (t) => {
  const seed = seedFor();
  t.diagnostic(`HOSTILE_SEED=${seed}`);
  const { proxyUrl, primary, shadow } = await startInProcess(t);
  const chance = new Chance(seed);
  const streams = Array.from({ length: STREAMS }, () => {
    let bytes = wellFormedStream(chance);
    for (let i = chance.below(4); i > 0 && bytes.length > 0; i--) bytes = mutate(bytes, chance);
    return { bytes, packets: packets(bytes, chance) };
  });
  let served = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const stream = streams[next++];
      if (stream === undefined) return;
      const count = await send(proxyUrl, primary, stream.bytes, stream.packets);
      served += count;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  t.diagnostic(`${served} requests served of ${STREAMS} streams`);
  assert.deepEqual(primary.audit(), []);
  assert.deepEqual(shadow.audit(), []);
  const all = streams.map(({ bytes }) => bytes).join("\0");
  for (const [nonce, count] of primary.arrivals) {
    assert.ok(count <= all.split(`/k/${nonce}`).length - 1, `${nonce} arrived more often than it was sent`);
  }
  for (const [nonce, count] of shadow.arrivals) {
    assert.ok(count <= (primary.arrivals.get(nonce) ?? 0), `${nonce} is at the shadow more often than at the primary`);
  }
});

/** How many requests of the stream were served. */
async function send(proxyUrl: string, primary: Recorder, bytes: string, packets: readonly string[]): Promise<number> {
  const sent = readRequests(bytes, BY_THE_LETTER);
  const methods = sent.requests.map(({ method }) => method);
  const client = await connectClient(proxyUrl);
  for (const packet of packets) {
    client.write(packet);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { answers, surplus } = await client.answered(methods, sent.requests.length);
  if (!client.closed) await client.finish();
  const about = (): string => JSON.stringify({ bytes, received: client.received() });
  // What the parser could not read may have been a HEAD to us; the refusal of its bytes has a body, and is the last.
  const refusedHead = methods[answers.length - 1] === "HEAD" && (answers.at(-1)?.status ?? 0) >= 400;
  assert.ok(surplus === "" || (refusedHead && surplus.startsWith("{")), about());
  const own = answers.filter(({ status }) => status === 200).map(({ headers }) => valuesOf(headers, "x-nonce")[0]);
  const refusals = answers.length - own.length;
  assert.ok(refusals <= 1 && answers.slice(0, own.length).every(({ status }) => status === 200), about());
  const nonces = nonceOf(sent.requests);
  // Where the stream leaves the grammar, a forgiving reader may see requests that the letter does not; somebody must.
  const seenByAny = new Set(READINGS.flatMap((reading) => nonceOf(readRequests(bytes, reading).requests)));
  own.forEach((nonce, i) => {
    const asSent = i < nonces.length ? nonce === nonces[i] : sent.error !== null && seenByAny.has(nonce ?? "");
    assert.ok(asSent, `answer ${i} is of ${nonce}: ${about()}`);
  });
  for (const hidden of bytes.matchAll(/\/k\/([0-9a-z]{10})\b/g)) {
    const nonce = hidden[1] ?? "";
    if (primary.arrivals.has(nonce)) assert.ok(seenByAny.has(nonce), `${nonce} was no request: ${about()}`);
  }
  return own.length;
}

function nonceOf(requests: readonly ReadRequest[]): string[] {
  return requests.map(({ target }) => /\/k\/([0-9a-z]+)/.exec(target)?.[1] ?? "");
}

async function startInProcess(
  t: TestContext,
): Promise<{ readonly proxyUrl: string; readonly primary: Recorder; readonly shadow: Recorder }> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-fuzz-"));
  const [primary, shadow] = await Promise.all([startRecorder({ damaged: true }), startRecorder({ damaged: true })]);
  const file = join(folder, "crossfade.yaml");
  writeFileSync(file, configText(folder, primary, shadow, {}));
  const loaded = loadSettings({ file, flags: {}, env: {} });
  assert.ok(loaded.ok);
  const crossfade = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  t.after(async () => {
    await crossfade.stop(200);
    await Promise.all([primary.close(), shadow.close()]);
    rmSync(folder, { recursive: true, force: true });
  });
  return { proxyUrl: crossfade.proxyUrl, primary, shadow };
}

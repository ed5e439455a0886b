/** Before anything is timed: every contender gives the client the same answers, and the copies are what they should be. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import type { Contender } from "./contenders.ts";
import { readRequest, writeRequest, type Kind } from "./traffic.ts";

/** What each hop writes for itself, and may differ. */
const HOP_HEADERS = new Set(["connection", "keep-alive", "date", "transfer-encoding"]);

export interface OriginState {
  readonly writes: number;
  readonly lastWrite: string;
}

export async function askOrigin(url: string): Promise<OriginState> {
  const answer = await fetch(`${url}/bench/state`);
  return (await answer.json()) as OriginState;
}

export async function checkAlike(contenders: readonly Contender[], legacy: string, next: string): Promise<void> {
  for (const kind of ["GET", "POST"] as const) {
    const expected = await ask(legacy, kind);
    for (const contender of contenders.filter(({ kinds }) => kinds.includes(kind))) {
      const copiesBefore = await askOrigin(next);
      const answer = await ask(contender.server.url, kind);
      const own = (pair: string): boolean => !contender.adds.includes(pair.slice(0, pair.indexOf(":")));
      const seen = { ...answer, headers: answer.headers.filter(own) };
      assert.deepEqual(seen, expected, `${contender.name} changes the answer to ${kind}`);
      if (kind !== "POST") continue;
      const copies = await settledWrites(next, copiesBefore.writes + 1);
      assert.equal(copies.writes - copiesBefore.writes, contender.mirrors ? 1 : 0, `copies of ${contender.name}`);
      if (contender.mirrors) assert.equal(copies.lastWrite, firstLineAndBody(writeRequest(0, 0)), contender.name);
    }
  }
}

/** Waits until the origin has seen `wanted` writes or sees no more; the bound is a second without a new one. */
export async function settledWrites(url: string, wanted: number): Promise<OriginState> {
  let state = await askOrigin(url);
  for (let quiet = 0; quiet < 10 && state.writes < wanted;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = await askOrigin(url);
    quiet = now.writes === state.writes ? quiet + 1 : 0;
    state = now;
  }
  return state;
}

function firstLineAndBody(text: string): string {
  return `${text.slice(0, text.indexOf("\r\n"))}\n${text.slice(text.indexOf("\r\n\r\n") + 4)}`;
}

interface Seen {
  readonly status: number | undefined;
  readonly headers: readonly string[];
  readonly body: string;
}

/** Sends what the load sends, by way of node:http, and returns what is end to end of the answer. */
async function ask(url: string, kind: Kind): Promise<Seen> {
  const text = kind === "GET" ? readRequest(0) : writeRequest(0, 0);
  const [first = "", ...lines] = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
  const headers = lines.map((line) => line.split(": ") as [string, string]).filter(([name]) => name !== "Host");
  return await new Promise((resolve, reject) => {
    const path = first.split(" ")[1];
    const options = { method: kind, path, headers: Object.fromEntries(headers), agent: false };
    const request = httpRequest(url, options, (answer) => {
      let body = "";
      answer.setEncoding("latin1");
      answer.on("data", (chunk: string) => (body += chunk));
      answer.on("end", () => {
        const raw = answer.rawHeaders;
        const pairs = raw.flatMap((name, i) => (i % 2 === 0 ? [`${name.toLowerCase()}: ${raw[i + 1]}`] : []));
        const kept = pairs.filter((pair) => !HOP_HEADERS.has(pair.slice(0, pair.indexOf(":"))));
        resolve({ status: answer.statusCode, headers: kept.toSorted(), body });
      });
    });
    request.on("error", reject);
    request.end(text.slice(text.indexOf("\r\n\r\n") + 4));
  });
}

/**
 * A checker of reads: clients write versions, one client each key, and read them over whichever member comes. What a write's answer
 * has said has to be in each answer to a read that begins after it, whoever reads and whichever service answers.
 */
import { Agent, request } from "undici";
import { seeded } from "./seeded.ts";
import { json, type Answer, type SeenRequest } from "./service.ts";

/** Both services: notes by id, of a writer each; the new one takes its time, and refuses what it is told to. */
export interface NoteService {
  readonly answer: Answer;
  readonly notes: Map<string, Note>;
}

interface Note {
  readonly n: number;
  readonly by: string;
}

export interface NoteServiceOptions {
  readonly side: "legacy" | "next";
  /** Of a write, ms before it is answered; next applies it then. */
  readonly delayMs: () => number;
  readonly refuses?: (id: string) => boolean;
}

/** `PUT /notes/:id`, `GET /notes/:id`, `GET /notes` (all), `GET /feed` (those of `x-user`); a header says who answers. */
export function noteService({ side, delayMs, refuses = () => false }: NoteServiceOptions): NoteService {
  const notes = new Map<string, Note>();
  function read(seen: SeenRequest, response: Parameters<Answer>[1]): void {
    const id = idOf(seen);
    const say = (status: number, body: unknown): void => json(status, body, { "x-side": side })(seen, response);
    if (id !== undefined) {
      const note = notes.get(id);
      say(note === undefined ? 404 : 200, note === undefined ? { id } : { [id]: note.n });
      return;
    }
    const user = seen.header("x-user");
    const listed = [...notes].filter(([, { by }]) => seen.target.startsWith("/notes") || by === user);
    say(200, Object.fromEntries(listed.map(([key, { n }]) => [key, n])));
  }
  /** legacy in the order in which writes come, next when it comes to it. */
  function write(seen: SeenRequest, response: Parameters<Answer>[1]): void {
    const id = idOf(seen) ?? "";
    const { n } = JSON.parse(String(seen.body)) as { n: number };
    const isRefused = refuses(id);
    const apply = (): void => {
      if (!isRefused) notes.set(id, { n, by: seen.header("x-user") ?? "" });
    };
    const answer = json(isRefused ? 409 : 200, isRefused ? { refused: id } : { id, n }, { "x-side": side });
    if (side === "legacy") apply();
    setTimeout(() => {
      if (side === "next") apply();
      answer(seen, response);
    }, delayMs());
  }
  return { answer: (seen, response) => (seen.method === "PUT" ? write : read)(seen, response), notes };
}

function idOf({ target }: SeenRequest): string | undefined {
  return /^\/(?:notes|shaky)\/([^/?]+)/.exec(target)?.[1];
}

export interface ReadCheck {
  /** Of proxies; asked anew for each request. */
  readonly urls: () => readonly string[];
  /** Where reads go, if not there. */
  readonly readUrls?: () => readonly string[];
  readonly clients: number;
  /** Of each. */
  readonly keys: number;
  readonly goesOn: (so: ReadReport) => boolean;
  readonly seed: number;
  /** Of a request that got no answer: true where that is to be expected. */
  readonly mayFail?: () => boolean;
}

export interface ReadReport {
  readonly writes: number;
  readonly reads: number;
  /** By kind of read, those that the new service answered. */
  readonly atNext: Readonly<Record<string, number>>;
  /** Sentences. */
  readonly stale: readonly string[];
}

export async function checkReads(check: ReadCheck): Promise<ReadReport> {
  const dispatcher = new Agent({ connections: check.clients });
  const random = seeded(check.seed).next;
  /** Versions that were acknowledged. */
  const known = new Map<string, number>();
  const stale: string[] = [];
  const atNext: Record<string, number> = { one: 0, all: 0, feed: 0, shaky: 0 };
  let [writes, reads] = [0, 0];

  async function ask(method: "GET" | "PUT", path: string, user: string, body?: string) {
    const urls = (method === "GET" ? check.readUrls : undefined)?.() ?? check.urls();
    const url = urls[Math.floor(random() * urls.length)] as string;
    try {
      const answer = await request(url + path, {
        dispatcher,
        method,
        headers: { "x-user": user, "content-type": "application/json" },
        body: body ?? null,
      });
      const text = await answer.body.text();
      return { status: answer.statusCode, side: String(answer.headers["x-side"]), text };
    } catch (error) {
      if (check.mayFail?.() === true) return null;
      throw error;
    }
  }

  async function read(kind: string, path: string, user: string, keys: readonly string[]): Promise<void> {
    const least = keys.flatMap((key) => {
      const n = known.get(key);
      return n === undefined ? [] : [[key, n] as const];
    });
    const answer = await ask("GET", path, user);
    if (answer === null || answer.status >= 500) return;
    reads += 1;
    if (answer.side === "next") atNext[kind] = (atNext[kind] ?? 0) + 1;
    const found = JSON.parse(answer.text) as Record<string, number>;
    for (const [key, n] of least) {
      const seen = found[key] ?? 0;
      if (seen < n)
        stale.push(`${kind} ${path} for ${user}: ${answer.side} said ${key} is ${seen}, and ${n} was acknowledged`);
    }
  }

  async function live(client: number): Promise<void> {
    const user = `u${client}`;
    const own = Array.from({ length: check.keys }, (_, k) => `${user}-${k}`);
    const shaky = `${user}-s`;
    const versions = new Map<string, number>();
    const pick = (): string => own[Math.floor(random() * own.length)] as string;
    while (check.goesOn({ writes, reads, atNext, stale })) {
      const isShaky = random() < 0.1;
      const key = isShaky ? shaky : pick();
      const n = (versions.get(key) ?? 0) + 1;
      versions.set(key, n);
      const wrote = await ask("PUT", `/${isShaky ? "shaky" : "notes"}/${key}`, user, JSON.stringify({ n }));
      if (wrote?.status === 200) {
        writes += 1;
        known.set(key, n);
      }
      if (isShaky) await read("shaky", `/shaky/${shaky}`, user, [shaky]);
      else await read("one", `/notes/${key}`, user, [key]);
      const other = `u${Math.floor(random() * check.clients)}-${Math.floor(random() * check.keys)}`;
      await read("one", `/notes/${other}`, user, [other]);
      if (random() < 0.3) await read("feed", "/feed", user, own);
      if (random() < 0.1)
        await read(
          "all",
          "/notes",
          user,
          [...known.keys()].filter((each) => !each.endsWith("-s")),
        );
      // Now and then it rests, as people do: what it wrote is confirmed by then.
      if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, random() * 120));
    }
  }

  try {
    await Promise.all(Array.from({ length: check.clients }, (_, client) => live(client)));
  } finally {
    await dispatcher.close();
  }
  return { writes, reads, atNext, stale };
}

/** Reads by entity, of all, and by asker; and a route whose writes the new service refuses at times. */
export function noteRoutes(dial: string): string {
  const compare = "compare: { headers: [content-type, etag] }";
  return `
routes:
  - name: notes
    match: { path: "/notes/**" }
    ${compare}
    reads: { dial: ${dial} }
  - name: shaky
    match: { path: "/shaky/**" }
    ${compare}
    reads: { dial: ${dial} }
  - name: feed
    match: { path: "/feed" }
    ${compare}
    reads: { dial: ${dial}, by: "header:x-user" }
`;
}

/**
 * The blog of blog-api.ts written anew by somebody else: other paths, methods and members, UUIDs, tokens of its own, tables that
 * refer to each other by number. It shares no code with the other.
 */
import { createHash, randomUUID } from "node:crypto";
import type { Answer, SeenRequest } from "./service.ts";

interface Row {
  readonly number: number;
  readonly table: "people" | "articles" | "replies";
  /** What clients call it. */
  readonly name: string;
  /** Numbers of rows. */
  readonly by: number;
  readonly on: number;
  readonly to: number;
  heading: string;
  content: string;
}

export interface RewrittenBlog {
  readonly answer: Answer;
  /** As `Blog.state` has it. */
  state(): readonly string[];
  readonly refused: string[];
  /** `METHOD target` of all that was asked. */
  readonly asked: string[];
}

class Refusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super();
    this.status = status;
  }
}

/** `store`: what it keeps of a content. */
export function createRewrittenBlog(store: (content: string) => string): RewrittenBlog {
  const rows: Row[] = [];
  const sessions = new Map<string, number>();
  const refused: string[] = [];
  const asked: string[] = [];

  function add(row: Partial<Row> & Pick<Row, "table" | "name">): Row {
    const whole: Row = { number: rows.length + 1, by: 0, on: 0, to: 0, heading: "", content: "", ...row };
    rows.push(whole);
    return whole;
  }
  function find(table: Row["table"], name: string | undefined): Row {
    const row = rows.find((each) => each.table === table && each.name === name);
    if (row === undefined) throw new Refusal(404);
    return row;
  }
  const nameOf = (number: number): string | null => rows.find((row) => row.number === number)?.name ?? null;

  function shown(row: Row): unknown {
    switch (row.table) {
      case "people":
        return { uuid: row.name, person: { name: row.heading } };
      case "articles":
        return { slug: row.name, heading: row.heading, content: row.content, author: { uuid: nameOf(row.by) } };
      case "replies":
        return { uuid: row.name, content: row.content, answers: nameOf(row.to) };
    }
  }

  function person(seen: SeenRequest): number {
    const number = sessions.get(seen.header("authorization")?.replace(/^Bearer /, "") ?? "");
    if (number === undefined) throw new Refusal(401);
    return number;
  }

  function act(seen: SeenRequest): { readonly status: number; readonly body: unknown; readonly location?: string } {
    const [, version, collection, name, sub, reply] = seen.target.split("/");
    if (version !== "v2") throw new Refusal(404);
    const sent = (seen.body.length === 0 ? {} : JSON.parse(seen.body.toString())) as Record<string, unknown>;
    const content = typeof sent["content"] === "string" ? store(sent["content"]) : "";
    const does = `${seen.method} ${collection}${name === undefined ? "" : "/:name"}${sub === undefined ? "" : `/${sub}`}`;
    switch (does) {
      case "POST sessions": {
        const who = (sent["person"] as { name: string }).name;
        const owner = rows.find(({ table, heading }) => table === "people" && heading === who);
        if (owner === undefined) throw new Refusal(404);
        const token = createHash("sha512").update(`${sessions.size} ${owner.name} pepper`).digest("base64url");
        sessions.set(token, owner.number);
        return { status: 200, body: { session: { token } } };
      }
      case "POST people": {
        const made = add({ table: "people", name: randomUUID(), heading: (sent["person"] as { name: string }).name });
        return { status: 201, body: shown(made), location: `/v2/people/${made.name}` };
      }
      case "GET people/:name":
        return { status: 200, body: shown(find("people", name)) };
      case "PATCH people/:name": {
        const changed = find("people", name);
        changed.heading = (sent["person"] as { name: string }).name;
        return { status: 200, body: shown(changed) };
      }
      case "POST articles": {
        const by = person(seen);
        const slug = randomUUID().slice(0, 13);
        const made = add({ table: "articles", name: slug, by, heading: String(sent["heading"]), content });
        return { status: 201, body: shown(made), location: `/v2/articles/${slug}` };
      }
      case "GET articles/:name":
        person(seen);
        return { status: 200, body: shown(find("articles", name)) };
      case "PATCH articles/:name": {
        person(seen);
        const changed = find("articles", name);
        changed.content = content;
        return { status: 200, body: shown(changed) };
      }
      case "DELETE articles/:name": {
        person(seen);
        const gone = find("articles", name);
        rows[gone.number - 1] = { ...gone, name: "" };
        return { status: 200, body: shown(gone) };
      }
      case "POST articles/:name/replies": {
        const by = person(seen);
        const on = find("articles", name).number;
        const answers = sent["answers"];
        const to = typeof answers === "string" ? find("replies", answers).number : 0;
        return { status: 201, body: shown(add({ table: "replies", name: randomUUID(), by, on, to, content })) };
      }
      case "PATCH articles/:name/replies": {
        person(seen);
        const changed = find("replies", reply);
        if (changed.on !== find("articles", name).number) throw new Refusal(404);
        changed.content = content;
        return { status: 200, body: shown(changed) };
      }
      default:
        throw new Refusal(404);
    }
  }

  return {
    refused,
    asked,
    answer(seen, response) {
      asked.push(`${seen.method} ${seen.target}`);
      try {
        const { status, body, location } = act(seen);
        response.writeHead(status, {
          "content-type": "application/json",
          ...(location === undefined ? {} : { location }),
        });
        response.end(JSON.stringify(body));
      } catch (error) {
        refused.push(`${seen.method} ${seen.target}`);
        response.writeHead(error instanceof Refusal ? error.status : 400);
        response.end();
      }
    },
    state() {
      const row = (number: number): Row | undefined => rows[number - 1];
      return rows
        .flatMap((each) => {
          switch (each.table) {
            case "people":
              return [`user ${each.heading}`];
            case "articles":
              if (each.name === "") return [];
              return [`post ${each.heading} by ${row(each.by)?.heading}: ${each.content}`];
            case "replies": {
              const to = each.to === 0 ? "nothing" : (row(each.to)?.content ?? "?");
              return [`comment ${each.content} on ${row(each.on)?.heading} to ${to}`];
            }
          }
        })
        .sort();
    },
  };
}

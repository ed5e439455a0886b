/** A blog with ids, slugs and signed tokens of its own making, and comments within posts; what differs is how it makes them. */
import { createHmac } from "node:crypto";
import type { Answer, SeenRequest } from "./service.ts";

type Id = string | number;

export interface BlogScheme {
  readonly makeId: () => Id;
  /** Behind the title in a slug. */
  readonly makeSuffix: () => string;
  /** Signs tokens. */
  readonly key: string;
  /** What this service stores of a text: a defect, where it is not the text. */
  readonly store: (text: string) => string;
}

export interface Blog {
  readonly answer: Answer;
  /** Every entity as it is, without ids: `post Title by Ann`. */
  state(): readonly string[];
  /** `METHOD target` of what was answered 401 or 404. */
  readonly refused: string[];
}

interface User {
  readonly id: Id;
  name: string;
}
interface Post {
  readonly slug: string;
  readonly authorId: Id;
  title: string;
  text: string;
}
interface Comment {
  readonly id: Id;
  readonly post: Post;
  readonly replyToId: Id | null;
  text: string;
}
interface Acted {
  readonly status: number;
  readonly body: unknown;
  readonly location?: string;
}

const MISSING: Acted = { status: 404, body: { error: "no such entity" } };

export function createBlog({ makeId, makeSuffix, key, store }: BlogScheme): Blog {
  const users = new Map<string, User>();
  const posts = new Map<string, Post>();
  const comments = new Map<string, Comment>();
  const refused: string[] = [];
  let logins = 0;

  const sign = (payload: string): string =>
    `${payload}.${createHmac("sha256", key).update(payload).digest("base64url")}`;

  function userOf(seen: SeenRequest): User | null {
    const token = /^Bearer (.*)$/.exec(seen.header("authorization") ?? "")?.[1] ?? "";
    const payload = token.split(".").slice(0, 2).join(".");
    if (sign(payload) !== token) return null;
    const claims = JSON.parse(Buffer.from(payload.split(".")[1] ?? "", "base64url").toString()) as { sub: string };
    return users.get(claims.sub) ?? null;
  }

  function act(seen: SeenRequest): Acted {
    const [collection = "", id = "", sub = "", inner = ""] = (seen.target.split("?", 1)[0] as string)
      .split("/")
      .slice(1);
    const sent = seen.body.length === 0 ? {} : (JSON.parse(seen.body.toString()) as Record<string, unknown>);
    const text = store(String(sent["text"] ?? ""));
    if (collection === "login") {
      const user = [...users.values()].find(({ name }) => name === sent["name"]);
      if (user === undefined) return MISSING;
      const parts = [
        { alg: "HS256", typ: "JWT" },
        { sub: String(user.id), jti: (logins += 1) },
      ];
      const payload = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
      return { status: 200, body: { token: sign(payload) } };
    }
    if (collection === "users") {
      if (seen.method === "POST") {
        const user: User = { id: makeId(), name: String(sent["name"]) };
        users.set(String(user.id), user);
        return { status: 201, body: user, location: `/users/${user.id}` };
      }
      const user = users.get(id);
      if (user === undefined) return MISSING;
      if (seen.method === "PUT") user.name = String(sent["name"]);
      return { status: 200, body: user };
    }
    const me = userOf(seen);
    if (me === null) return { status: 401, body: { error: "who are you?" } };
    if (seen.method === "POST" && id === "") {
      const title = String(sent["title"]);
      const slug = `${title.toLowerCase().replaceAll(" ", "-")}-${makeSuffix()}`;
      const post: Post = { slug, authorId: me.id, title, text };
      posts.set(slug, post);
      return { status: 201, body: post, location: `/posts/${slug}` };
    }
    const post = posts.get(id);
    if (post === undefined) return MISSING;
    if (sub !== "comments") {
      if (seen.method === "DELETE") posts.delete(id);
      else if (seen.method === "PUT") post.text = text;
      return { status: 200, body: post };
    }
    if (seen.method === "POST") {
      const replyToId = (sent["replyToId"] ?? null) as Id | null;
      if (replyToId !== null && !comments.has(String(replyToId))) return MISSING;
      const comment: Comment = { id: makeId(), post, replyToId, text };
      comments.set(String(comment.id), comment);
      return { status: 201, body: { id: comment.id, replyToId, text } };
    }
    const comment = comments.get(inner);
    if (comment === undefined || comment.post !== post) return MISSING;
    comment.text = text;
    return { status: 200, body: { id: comment.id, replyToId: comment.replyToId, text } };
  }

  return {
    refused,
    answer(seen, response) {
      const { status, body, location } = act(seen);
      if (status === 401 || status === 404) refused.push(`${seen.method} ${seen.target}`);
      response.writeHead(status, {
        "content-type": "application/json",
        ...(location === undefined ? {} : { location }),
      });
      response.end(JSON.stringify(body));
    },
    state() {
      const nameOf = (id: Id): string => users.get(String(id))?.name ?? "nobody";
      const textOf = (id: Id | null): string => (id === null ? "nothing" : (comments.get(String(id))?.text ?? "?"));
      return [
        ...[...users.values()].map(({ name }) => `user ${name}`),
        ...[...posts.values()].map(({ title, text, authorId }) => `post ${title} by ${nameOf(authorId)}: ${text}`),
        ...[...comments.values()].map(
          ({ text, post, replyToId }) => `comment ${text} on ${post.title} to ${textOf(replyToId)}`,
        ),
      ].sort();
    },
  };
}

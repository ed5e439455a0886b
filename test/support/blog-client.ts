/** The clients of the blog of blog-api.ts, whatever is behind it. */
import assert from "node:assert/strict";
import type { Bench } from "./crossfade.ts";

/** Texts that a rewrite with a planted defect gets wrong. */
export const PLANTED = ["a planted text", "another planted text"];

/** A client that knows the primary alone, and checks what it is answered; returns how many requests it made. */
export async function playBlog(run: Bench): Promise<number> {
  let requests = 0;
  const later: (() => Promise<unknown>)[] = [];
  const ask = async <T>(method: string, path: string, body?: unknown, token?: string): Promise<T> => {
    requests += 1;
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const { status, text } = await run.send(method, path, body, headers);
    assert.equal(status, method === "POST" && path !== "/login" ? 201 : 200, `${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  };
  for (const name of ["Ann", "Bob", "Cid", "Dan"]) {
    const { id } = await ask<{ id: number }>("POST", "/users", { name });
    const { token } = await ask<{ token: string }>("POST", "/login", { name });
    const posts: { slug: string; authorId: number }[] = [];
    for (const n of [1, 2]) {
      const post = await ask<{ slug: string; authorId: number }>(
        "POST",
        "/posts",
        { title: `${name} ${n}`, text: "draft" },
        token,
      );
      assert.equal(post.authorId, id);
      posts.push(post);
      await ask("PUT", `/posts/${post.slug}`, { text: name === "Cid" && n === 2 ? PLANTED[0] : `done ${n}` }, token);
      const first = await ask<{ id: number }>(
        "POST",
        `/posts/${post.slug}/comments`,
        { text: `first ${name} ${n}` },
        token,
      );
      const reply = { text: `reply ${name} ${n}`, replyToId: first.id };
      const second = await ask<{ id: number; replyToId: number }>("POST", `/posts/${post.slug}/comments`, reply, token);
      assert.equal(second.replyToId, first.id);
      const text = name === "Dan" && n === 1 ? PLANTED[1] : `changed ${name} ${n}`;
      await ask("PUT", `/posts/${post.slug}/comments/${second.id}`, { text }, token);
    }
    await ask("GET", `/users/${id}`);
    await ask("GET", `/posts/${posts[0]?.slug}`, undefined, token);
    // Keys have no order between them: a post must not go before its comments have come.
    later.push(
      () => ask("PUT", `/users/${id}`, { name: `${name} the second` }),
      () => ask("DELETE", `/posts/${posts[1]?.slug}`, undefined, token),
    );
  }
  await run.settled(requests);
  for (const each of later) await each();
  return requests;
}

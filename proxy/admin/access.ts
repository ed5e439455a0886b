/** Who may ask: tokens, and the Host check that keeps a web page from reading a loopback listener. Pure. */
import { hash, timingSafeEqual } from "node:crypto";
import { isLoopback } from "../config/addresses.ts";
import type { Settings } from "../config/settings.ts";

export type Tokens = Settings["admin"]["tokens"];

/** The token's owner, or null. Compares digests of equal length and always all of them, so that time tells nothing. */
export function ownerOf(authorization: string | undefined, tokens: Tokens): Tokens[number] | null {
  const given = /^Bearer +([^\s]+) *$/i.exec(authorization ?? "")?.[1];
  if (given === undefined) return null;
  const digest = hash("sha256", given, "buffer");
  let owner: Tokens[number] | null = null;
  for (const token of tokens) {
    if (timingSafeEqual(digest, hash("sha256", token.token, "buffer"))) owner = token;
  }
  return owner;
}

/** Whether the owner of a token may see whole requests and answers. */
export function mayReadBodies(role: Tokens[number]["role"]): boolean {
  return role === "bodies" || role === "operate";
}

/** Whether the owner of a token may change things. */
export function mayOperate(role: Tokens[number]["role"]): boolean {
  return role === "operate";
}

/**
 * DNS rebinding: a page of evil.example whose name suddenly points to 127.0.0.1 is same-origin with a listener there,
 * and only the Host header gives it away. A loopback listener therefore answers to loopback names alone.
 */
export function isLoopbackAuthority(authority: string | undefined): boolean {
  if (authority === undefined) return false;
  const host = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::\d{1,5})?$/.exec(authority)?.[1];
  return host !== undefined && isLoopback(host.toLowerCase().replace(/^\[(.*)\]$/, "$1"));
}

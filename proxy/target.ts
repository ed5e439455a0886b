/**
 * Where path and host stand in what a client sent. Nothing here decodes, normalises or refuses: any target that
 * Node's parser lets through has an answer.
 */
import { headerOf, type RequestHead } from "./exchange.ts";

/** The part of a target (without query) that holds segments: `first` is the index of the first one, `end` is past the last. */
export interface PathSpan {
  /** False for `*` (OPTIONS *), authority-form and anything else without a path. */
  readonly hasPath: boolean;
  readonly first: number;
  /** Excludes one trailing slash. There is a segment as long as its start is not beyond `end`. */
  readonly end: number;
}

const SLASH = 0x2f;
const NO_PATH: PathSpan = { hasPath: false, first: 1, end: 0 };
const ROOT: PathSpan = { hasPath: true, first: 1, end: 0 };

/** Accepts origin-form and absolute-form targets (RFC 9112, 3.2.1 and 3.2.2). */
export function locatePath(path: string): PathSpan {
  const length = path.length;
  if (length === 0) return ROOT;
  let slash = 0;
  if (path.charCodeAt(0) !== SLASH) {
    const authority = authorityStart(path);
    if (authority === -1) return NO_PATH;
    slash = path.indexOf("/", authority);
    if (slash === -1) return ROOT;
  }
  // `/` alone: its one slash is the leading and the trailing one, so that nothing is left between.
  return { hasPath: true, first: slash + 1, end: path.charCodeAt(length - 1) === SLASH ? length - 1 : length };
}

/** Raw segments between slashes: `/` has none, `//x` has an empty one and `x`. null: the target has no path. */
export function splitPath(path: string): string[] | null {
  const { hasPath, first, end } = locatePath(path);
  if (!hasPath) return null;
  return first > end ? [] : path.slice(first, end).split("/");
}

/**
 * Host the request is for, lower case and without port; "" where there is none. The authority of an absolute-form
 * target wins over the Host header (RFC 9112, 3.2.2).
 */
export function hostOf(request: Pick<RequestHead, "path" | "headers">): string {
  const { path } = request;
  if (path.charCodeAt(0) !== SLASH) {
    const start = authorityStart(path);
    if (start !== -1) {
      const slash = path.indexOf("/", start);
      const authority = path.slice(start, slash === -1 ? path.length : slash);
      return withoutPort(authority.slice(authority.lastIndexOf("@") + 1));
    }
  }
  return withoutPort(headerOf(request.headers, "host") ?? "");
}

/** `Api.Example.com:8080` is `api.example.com`; `[::1]:8080` is `[::1]`. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(":");
  const host = colon === -1 || colon < authority.lastIndexOf("]") ? authority : authority.slice(0, colon);
  return host.toLowerCase();
}

/** Index after `scheme://`, or -1. */
function authorityStart(target: string): number {
  const colon = target.indexOf(":");
  if (colon < 1 || !target.startsWith("//", colon + 1)) return -1;
  for (let i = 0; i < colon; i++) {
    if (!isSchemeCode(target.charCodeAt(i))) return -1;
  }
  return colon + 3;
}

/** ALPHA / DIGIT / "+" / "-" / "." (RFC 3986, 3.1). */
function isSchemeCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2b ||
    code === 0x2d ||
    code === 0x2e
  );
}

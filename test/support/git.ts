import { spawn, spawnSync } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";

/** Nothing of the machine's own configuration, no questions, no clean-up that goes on in the background. */
const GIT_ENV: NodeJS.ProcessEnv = {
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Ann",
  GIT_AUTHOR_EMAIL: "ann@example.com",
  GIT_COMMITTER_NAME: "Ann",
  GIT_COMMITTER_EMAIL: "ann@example.com",
  GIT_CONFIG_COUNT: "4",
  GIT_CONFIG_KEY_0: "gc.auto",
  GIT_CONFIG_VALUE_0: "0",
  GIT_CONFIG_KEY_1: "receive.autogc",
  GIT_CONFIG_VALUE_1: "false",
  GIT_CONFIG_KEY_2: "maintenance.auto",
  GIT_CONFIG_VALUE_2: "false",
  // The folders of a test belong to whoever runs it.
  GIT_CONFIG_KEY_3: "safe.directory",
  GIT_CONFIG_VALUE_3: "*",
};

export interface GitEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs git to its end, whatever that is. */
export async function tryGit(cwd: string, ...args: string[]): Promise<GitEnd> {
  const child = spawn("git", args, { cwd, env: GIT_ENV, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, out, err };
}

/** Runs git and insists that it does what it was asked. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await tryGit(cwd, ...args);
  if (code !== 0) throw new Error(`git ${args.join(" ")} ended with ${code}:\n${out}${err}`);
  return out;
}

/** How one request was framed when it reached a service. */
export interface SeenGitRequest {
  readonly line: string;
  readonly chunked: boolean;
  readonly gzipped: boolean;
  /** Of its body, as it came. */
  readonly bytes: number;
  readonly status: number;
}

export interface GitServer {
  readonly url: string;
  /** Where its bare repositories are. */
  readonly root: string;
  /** Answered requests in the order of their answers. */
  readonly seen: readonly SeenGitRequest[];
}

/** `git http-backend`, git's own server side, behind a server that only speaks CGI to it. */
export async function startGitServer(t: TestContext): Promise<GitServer> {
  const root = mkdtempSync(join(tmpdir(), "crossfade-git-"));
  const seen: SeenGitRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => (bytes += chunk.length));
    runBackend(root, request, response, (status) => {
      const { headers, method, url } = request;
      seen.push({
        line: `${method} ${url}`,
        chunked: headers["transfer-encoding"] !== undefined,
        gzipped: headers["content-encoding"] === "gzip",
        bytes,
        status,
      });
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
    rmSync(root, { recursive: true, force: true });
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, root, seen };
}

/** One request as one process (RFC 3875). A body without a length is read to its end, as git-http-backend(1) does. */
function runBackend(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
  answered: (status: number) => void,
): void {
  const { headers, method = "", url = "" } = request;
  const [path = "", query = ""] = url.split("?", 2);
  const child = spawn("git", ["http-backend"], {
    env: {
      ...GIT_ENV,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: method,
      PATH_INFO: decodeURIComponent(path),
      QUERY_STRING: query,
      CONTENT_TYPE: headers["content-type"],
      CONTENT_LENGTH: headers["content-length"],
      HTTP_CONTENT_ENCODING: headers["content-encoding"],
      GIT_PROTOCOL: headers["git-protocol"] as string | undefined,
      REMOTE_ADDR: "127.0.0.1",
      REMOTE_USER: "ann",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  // A backend that has refused reads no further.
  child.stdin.on("error", () => request.resume());
  request.pipe(child.stdin);
  let head = Buffer.alloc(0);
  child.stdout.on("data", (chunk: Buffer) => {
    if (response.headersSent) {
      if (!response.write(chunk)) child.stdout.pause();
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end === -1) return;
    const lines = head.toString("latin1", 0, end).split("\r\n");
    const fields = lines.map((line) => line.split(/: */, 2) as [string, string]);
    const status = Number.parseInt(fields.find(([name]) => name === "Status")?.[1] ?? "200", 10);
    response.writeHead(status, fields.filter(([name]) => name !== "Status").flat());
    response.write(head.subarray(end + 4));
  });
  response.on("drain", () => child.stdout.resume());
  child.stdout.once("end", () => {
    if (!response.headersSent) response.writeHead(500);
    answered(response.statusCode);
    response.end();
  });
}

/** Says what is missing before anything fails for want of it. */
export function requireGit(): void {
  const found = spawnSync("git", ["http-backend"], { env: { PATH: process.env["PATH"] }, encoding: "utf8" });
  // Without a request it answers 500 in CGI; without git, or without that part of it, there is no answer.
  if (!found.stdout?.startsWith("Status:")) {
    throw new Error("git with its http-backend is needed here and was not found; install it: apt-get install git");
  }
}

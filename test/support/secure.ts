/** Crossfade with TLS for its clients, between an upstream of the test's own and a quiet shadow. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http2 from "node:http2";
import net, { type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { loadSettings } from "../../proxy/config/load.ts";
import type { Crossfade } from "../../proxy/crossfade.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { makeAuthority, type Authority, type Pair } from "./certificates.ts";
import { makeFolder } from "./config-file.ts";
import { startService, type TestService } from "./service.ts";

export interface Secure {
  readonly crossfade: Crossfade;
  readonly authority: Authority;
  readonly next: TestService;
  /** The files that `tls` names; write a new pair with `renew`. */
  readonly configFile: string;
  renew(pair: Pick<Pair, "cert" | "key">): void;
  /** A new connection that speaks HTTP/2; it and its streams are gone after the test. */
  connect(options?: http2.SecureClientSessionOptions): Promise<http2.ClientHttp2Session>;
}

export interface SecureOptions {
  readonly legacyUrl: string;
  /** YAML within `services.legacy`, beside its url. */
  readonly legacy?: string;
  /** YAML within `tls`, beside cert and key. */
  readonly tls?: string;
  /** Default 127.0.0.1:0. */
  readonly listen?: string;
  /** YAML lines at the top level. */
  readonly more?: string;
}

export async function startSecure(t: TestContext, options: SecureOptions): Promise<Secure> {
  const folder = makeFolder(t);
  const authority = makeAuthority(t);
  const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  const renew = ({ cert, key }: Pick<Pair, "cert" | "key">): void => {
    writeFileSync(keyFile, key);
    writeFileSync(certFile, cert);
  };
  renew(authority.issue(["localhost", "127.0.0.1", "::1"]));
  const next = await startService();
  const configFile = join(folder, "crossfade.yaml");
  const sessions = new Set<http2.ClientHttp2Session>();
  t.after(async () => {
    for (const session of sessions) session.destroy();
    await next.close();
  });
  const crossfade = await startOn(
    t,
    configFile,
    `
listen: "${options.listen ?? "127.0.0.1:0"}"
tls: { cert: "${certFile}", key: "${keyFile}"${options.tls === undefined ? "" : `, ${options.tls}`} }
services:
  legacy: { url: "${options.legacyUrl}"${options.legacy === undefined ? "" : `, ${options.legacy}`} }
  next: { url: "${next.url}", effects: suppressed }
${options.more ?? ""}
`,
  );
  return {
    crossfade,
    authority,
    next,
    configFile,
    renew,
    async connect(more = {}) {
      const session = http2.connect(crossfade.proxyUrl, { ca: authority.ca, ...more });
      sessions.add(session);
      session.on("error", () => {});
      await once(session, "connect");
      return session;
    },
  };
}

/** Crossfade under a config, with a store in memory and an admin listener on a free port; stopped after the test. */
export async function startOn(t: TestContext, configFile: string, yaml: string): Promise<Crossfade> {
  writeFileSync(
    configFile,
    `${yaml}
admin: { listen: "127.0.0.1:0" }
store: "memory:"
divergenceLog: { file: "${configFile}.ndjson" }
`,
  );
  const loaded = loadSettings({ file: configFile, flags: {}, env: {} });
  if (!loaded.ok) throw new Error(loaded.errors.map((error) => error.text).join("\n"));
  const { settings, files } = loaded;
  const crossfade = await startCrossfade({ settings, files, logLevel: "silent" });
  t.after(() => crossfade.stop(200));
  return crossfade;
}

/** One request that a raw upstream has read, and its connection. */
export interface RawExchange {
  readonly socket: Socket;
  /** Everything that came, latin1. */
  received(): string;
  /** Resolves with what came once it holds `text`. */
  until(text: string): Promise<string>;
  /** Resolves when the other side has closed. */
  closed(): Promise<void>;
}

export interface RawUpstream {
  readonly url: string;
  /** Resolves with the next connection that sends something. */
  next(): Promise<RawExchange>;
  readonly connections: number;
}

/** An upstream that answers nothing by itself: the test reads and writes its bytes. */
export async function startRawUpstream(t: TestContext): Promise<RawUpstream> {
  const arrived: RawExchange[] = [];
  const waiting: ((exchange: RawExchange) => void)[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    let text = "";
    let over = false;
    const looks = new Set<() => void>();
    const lookAll = (): void => {
      for (const look of [...looks]) look();
    };
    const when = (ready: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!ready()) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        look();
      });
    const exchange: RawExchange = {
      socket,
      received: () => text,
      async until(wanted) {
        await when(() => over || text.includes(wanted));
        return text;
      },
      closed: () => when(() => over),
    };
    socket.once("data", () => {
      connections += 1;
      const tell = waiting.shift();
      if (tell === undefined) arrived.push(exchange);
      else tell(exchange);
    });
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      lookAll();
    });
    const ended = (): void => {
      over = true;
      lookAll();
    };
    socket.on("error", () => {}).on("end", ended);
    socket.on("close", () => {
      sockets.delete(socket);
      ended();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: async () => arrived.shift() ?? (await new Promise((resolve) => waiting.push(resolve))),
    get connections() {
      return connections;
    },
  };
}

/** All of one answer over HTTP/2. */
export interface Answered {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly text: string;
  readonly trailers: http2.IncomingHttpHeaders | null;
  /** Interim answers, in order. */
  readonly interim: readonly http2.IncomingHttpHeaders[];
  /** 0: ended as it should. */
  readonly resetCode: number;
}

/** Resolves when the stream has closed, however it ended. */
export async function answerOf(stream: http2.ClientHttp2Stream): Promise<Answered> {
  let headers: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders | null = null;
  const interim: http2.IncomingHttpHeaders[] = [];
  const chunks: Buffer[] = [];
  stream.on("headers", (fields) => interim.push(fields));
  stream.once("response", (fields) => {
    headers = fields;
  });
  stream.once("trailers", (fields) => {
    trailers = fields;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => {});
  await new Promise((resolve) => stream.once("close", resolve));
  return {
    status: Number(headers[":status"] ?? 0),
    headers,
    text: Buffer.concat(chunks).toString("latin1"),
    trailers,
    interim,
    resetCode: stream.rstCode ?? 0,
  };
}

/** A real nginx with the snippets of deploy/nginx, in a folder and on a port of its own. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { findNginx } from "../../deploy/checkers.mjs";
import { ROOT } from "../../deploy/prepare.mjs";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";

const SNIPPETS = join(ROOT, "deploy/nginx");

export interface Front {
  readonly url: string;
  /** What `nginx -t` said, and its code. */
  check(): { readonly code: number | null; readonly said: string };
  /** Where `api.conf` points. */
  goes(): string;
  /**
   * As docs/deployment.md says: the link, the check, the reload. Resolves when workers of before take no more connections.
   * `hosts`: in place of the servers that the upstream of that name had.
   */
  switchTo(name: string, hosts?: readonly string[]): Promise<void>;
}

export interface FrontOptions {
  /** By the name of the snippet: the servers in its upstream. */
  readonly upstreams: Readonly<Record<string, readonly string[]>>;
  readonly first: string;
}

export async function startFront(t: TestContext, { upstreams, first }: FrontOptions): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-nginx-"));
  const port = await freePort();
  for (const name of ["crossfade.conf", "upgrade-map.conf"]) copyFileSync(join(SNIPPETS, name), join(folder, name));
  const site = readFileSync(join(SNIPPETS, "site.conf"), "utf8");
  writeFileSync(join(folder, "site.conf"), site.replace("listen 8000;", `listen 127.0.0.1:${port};`));
  const write = (name: string, hosts: readonly string[]): void => {
    const text = readFileSync(join(SNIPPETS, name), "utf8");
    const servers = hosts.map((host) => `server ${host};`).join(" ");
    writeFileSync(join(folder, name), text.replace(/server [\d.]+:\d+;/, servers));
  };
  for (const [name, hosts] of Object.entries(upstreams)) write(name, hosts);
  symlinkSync(first, join(folder, "api.conf"));
  const { child, check } = startNginx(t, folder, "site.conf");
  const url = `http://127.0.0.1:${port}`;
  await until(() => takesConnections(port));
  const log = (): string => readFileSync(join(folder, "error.log"), "utf8");
  return {
    url,
    check,
    goes: () => readlinkSync(join(folder, "api.conf")),
    async switchTo(name, hosts) {
      if (hosts !== undefined) write(name, hosts);
      const before = log().split("gracefully shutting down").length;
      // `ln -sfn` replaces the link in two steps; this is one.
      symlinkSync(name, join(folder, "api.conf.new"));
      renameSync(join(folder, "api.conf.new"), join(folder, "api.conf"));
      const { code, said } = check();
      if (code !== 0) throw new Error(said);
      child.kill("SIGHUP");
      await until(() => log().split("gracefully shutting down").length >= before + 2);
    },
  };
}

/** In the folder, which goes with it; `include`: the file there that `http` has. */
export function startNginx(
  t: TestContext,
  folder: string,
  include: string,
): { readonly child: ChildProcess; readonly check: Front["check"] } {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  // Temp folders are of the user that runs this; workers drop to another one where root starts them.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  writeFileSync(
    join(folder, "nginx.conf"),
    `${user} worker_processes 2; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log notice;
events { worker_connections 1024; }
http { access_log off; ${temp.join(" ")} include ${include}; }
`,
  );
  const args = ["-p", folder, "-c", join(folder, "nginx.conf")];
  const child = spawn(findNginx(), args, { stdio: "ignore" });
  t.after(async () => {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const check: Front["check"] = () => {
    const ended = spawnSync(findNginx(), [...args, "-t"], { encoding: "utf8" });
    return { code: ended.status, said: ended.stderr };
  };
  return { child, check };
}

export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

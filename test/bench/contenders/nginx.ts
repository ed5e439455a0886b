/**
 * nginx with one worker and kept connections, in a temp folder of its own; this process only guards it, so that it ends
 * with the bench. Arguments: the binary, legacy's origin, and next's where writes are mirrored.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../support/free-port.ts";

const [binary = "", legacy = "", next] = process.argv.slice(2);

function configText(folder: string, port: number): string {
  const upstream = (name: string, origin: string): string =>
    `upstream ${name} { server ${new URL(origin).host}; keepalive 64; }`;
  // Temp folders are of the user that runs this; workers drop to another one where root starts them.
  const user = process.getuid?.() === 0 ? "user root;\n" : "";
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const mirror = next === undefined ? "" : "mirror /mirror; mirror_request_body on;";
  const mirrorLocation =
    next === undefined ? "" : "location = /mirror { internal; proxy_pass http://next$request_uri; }";
  return `${user}worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  ${temp.join("\n  ")}
  ${upstream("legacy", legacy)}
  ${next === undefined ? "" : upstream("next", next)}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  server {
    listen 127.0.0.1:${port};
    location / { ${mirror} proxy_pass http://legacy; }
    ${mirrorLocation}
  }
}
`;
}

async function untilItAccepts(port: number): Promise<void> {
  for (;;) {
    const socket = connect({ port, host: "127.0.0.1" });
    const accepted = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (accepted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const folder = mkdtempSync(join(tmpdir(), "crossfade-bench-nginx-"));
const port = await freePort();
const file = join(folder, "nginx.conf");
writeFileSync(file, configText(folder, port));
const nginx = spawn(binary, ["-c", file, "-p", folder, "-e", "stderr"], { stdio: ["ignore", "inherit", "inherit"] });
nginx.once("exit", (code) => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? 1);
});
process.once("disconnect", () => nginx.kill("SIGTERM"));
process.once("SIGTERM", () => nginx.kill("SIGTERM"));
await untilItAccepts(port);
console.log(`ready http://127.0.0.1:${port}`);

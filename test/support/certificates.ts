import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { makeFolder } from "./config-file.ts";

/** One certificate with its key: as PEM, and as the files that hold them. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority of a test's own, made by the openssl of the system; nothing of it is kept, so nothing expires. */
export interface Authority {
  readonly folder: string;
  /** PEM of the authority's own certificate. */
  readonly ca: string;
  readonly caFile: string;
  /** `names` as openssl writes them: `DNS:localhost`, `IP:127.0.0.1`. `days` may be negative: then it has ended. */
  issue(names: readonly string[], options?: { readonly days?: number; readonly name?: string }): Pair;
}

const P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export function makeAuthority(t: TestContext): Authority {
  const folder = makeFolder(t);
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  };
  const [caFile, caKeyFile] = [at("ca.crt"), at("ca.key")];
  openssl("req", "-x509", ...P256, "-keyout", caKeyFile, "-out", caFile, "-days", "30", "-subj", "/CN=test authority");
  let made = 0;
  return {
    folder,
    ca: readFileSync(caFile, "utf8"),
    caFile,
    issue(names, { days = 30, name = `pair ${made}` } = {}) {
      made += 1;
      const [certFile, keyFile, asked, extensions] = [
        at(`${made}.crt`),
        at(`${made}.key`),
        at(`${made}.csr`),
        at(`${made}.ext`),
      ];
      writeFileSync(extensions, `subjectAltName=${names.join(",")}\n`);
      openssl("req", "-new", ...P256, "-keyout", keyFile, "-out", asked, "-subj", `/CN=${name}`);
      const by = ["-CA", caFile, "-CAkey", caKeyFile, "-CAcreateserial"];
      openssl("x509", "-req", "-in", asked, ...by, "-days", String(days), "-extfile", extensions, "-out", certFile);
      return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8"), certFile, keyFile };
    },
  };
}

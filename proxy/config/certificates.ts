/**
 * Reads the certificates and keys that a config names, so that a file that is missing, broken or another's is told with its
 * place before any connection fails. Settings hold PEM, not names: a reload that reads the files anew sees what changed.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext } from "node:tls";
import type { Findings } from "./findings.ts";
import { showValue, type ConfigPath } from "./message.ts";
import type { Places } from "./places.ts";
import type { ListenTlsSettings, ServiceTlsSettings } from "./settings.ts";
import { DEFAULT_SERVICE } from "./defaults.ts";
import type { Written } from "./schema.ts";
import type { WrittenListenTls } from "./schema.ts";
import type { WrittenServiceTls } from "./service-schema.ts";
import type { WrittenStore } from "./store-schema.ts";
import { DAY } from "./units.ts";

export interface Certificates {
  readonly listener: ListenTlsSettings | null;
  /** By service; the built-in settings where a service has none of its own. */
  readonly services: ReadonlyMap<string, ServiceTlsSettings>;
  /** Of the connection to Redis; null where it has none of its own. */
  readonly store: ServiceTlsSettings | null;
  /** Whole names of the files that were read or should have been. */
  readonly files: readonly string[];
}

export const NO_CERTIFICATES: Certificates = { listener: null, services: new Map(), store: null, files: [] };

/** A certificate is renewed long before; who reads this has forgotten to, or their renewal fails. */
export const ENDS_SOON_MS = 14 * DAY;

/** Reads synchronously. What is wrong goes to `findings`; the settings are then not to be used. */
export function readCertificates(written: Written, now: number, places: Places, findings: Findings): Certificates {
  const reader = new Reader(now, places, findings);
  const listener = written.tls === undefined ? null : readListener(reader, written.tls);
  const services = new Map<string, ServiceTlsSettings>();
  for (const [name, service] of Object.entries(written.services ?? {})) {
    if (service?.tls !== undefined) services.set(name, readService(reader, ["services", name, "tls"], service.tls));
  }
  const store = readStore(reader, written.store, places, findings);
  return { listener, services, store, files: reader.files };
}

function readListener(reader: Reader, { cert, key, http2 = true }: WrittenListenTls): ListenTlsSettings {
  const pair = reader.pair(["tls"], cert, key) ?? { cert: "", key: "", endsAt: 0 };
  return { ...pair, http2 };
}

/** What stands beside the URL goes before what stands in it. */
function readStore(
  reader: Reader,
  store: WrittenStore | undefined,
  places: Places,
  findings: Findings,
): ServiceTlsSettings | null {
  if (store?.kind === "redis")
    return Object.keys(store.tls).length === 0 ? null : readService(reader, ["store"], store.tls);
  if (store?.kind !== "written") return null;
  const tls = { ...store.url.tls, ...store.tls };
  if (Object.keys(tls).length === 0) return null;
  if (!store.url.secure) {
    const where: ConfigPath = ["store", "tls"];
    findings.errors.push(
      places.at(where, "is for rediss:// and url is not encrypted; write rediss:// or take tls out"),
    );
  }
  return readService(reader, store.tls === undefined ? ["store", "url"] : ["store", "tls"], tls);
}

function readService(reader: Reader, path: ConfigPath, tls: WrittenServiceTls): ServiceTlsSettings {
  const { ca, cert, key, serverName, verify } = tls;
  const pair = cert === undefined && key === undefined ? null : reader.pair(path, cert, key);
  return {
    ca: ca === undefined ? null : reader.authorities([...path, "ca"], ca),
    client: pair === null ? null : { cert: pair.cert, key: pair.key },
    serverName: serverName ?? DEFAULT_SERVICE.tls.serverName,
    verify: verify ?? DEFAULT_SERVICE.tls.verify,
  };
}

interface Pair {
  readonly cert: string;
  readonly key: string;
  /** Epoch ms. */
  readonly endsAt: number;
}

class Reader {
  readonly files: string[] = [];
  readonly #now: number;
  readonly #places: Places;
  readonly #findings: Findings;

  constructor(now: number, places: Places, findings: Findings) {
    this.#now = now;
    this.#places = places;
    this.#findings = findings;
  }

  /** A certificate (with its chain) and its key, or null where they cannot be used. */
  pair(path: ConfigPath, cert: string | undefined, key: string | undefined): Pair | null {
    const [certPath, keyPath] = [
      [...path, "cert"],
      [...path, "key"],
    ];
    if (cert === undefined)
      return this.#refuse(certPath, "is missing, and a key without its certificate proves nothing; write cert: FILE");
    if (key === undefined)
      return this.#refuse(keyPath, "is missing, and a certificate without its key proves nothing; write key: FILE");
    const certText = this.#text(certPath, cert);
    const keyText = this.#text(keyPath, key);
    if (certText === null || keyText === null) return null;
    const [own] = this.#certificates(certPath, certText) ?? [];
    const privateKey = this.#privateKey(keyPath, keyText);
    if (own === undefined || privateKey === null) return null;
    this.#checkDates(certPath, own);
    if (!own.checkPrivateKey(privateKey)) {
      return this.#refuse(
        keyPath,
        `is not the key of the certificate in ${keyOf(certPath)}; name the two files of one pair`,
      );
    }
    try {
      createSecureContext({ cert: certText, key: keyText });
    } catch (thrown) {
      return this.#refuse(
        certPath,
        `cannot be used: ${(thrown as Error).message}; make a new pair of certificate and key`,
      );
    }
    return { cert: certText, key: keyText, endsAt: Date.parse(own.validTo) };
  }

  /** Certificates that others are checked by. */
  authorities(path: ConfigPath, written: string): string | null {
    const text = this.#text(path, written);
    if (text === null) return null;
    const certificates = this.#certificates(path, text);
    for (const certificate of certificates ?? []) this.#checkDates(path, certificate);
    return certificates === null ? null : text;
  }

  /** What was written, where it is PEM itself (from the environment), else what the file of that name holds. */
  #text(path: ConfigPath, written: string): string | null {
    if (written.includes("-----BEGIN ")) return written;
    const file = resolve(written);
    this.files.push(file);
    try {
      return readFileSync(file, "latin1");
    } catch (thrown) {
      const named = `is ${showValue(written)}`;
      const { code, message } = thrown as NodeJS.ErrnoException;
      if (code === "ENOENT") {
        return this.#refuse(
          path,
          `${named}, and there is no file ${file}; write where it is, from the working directory or from /`,
        );
      }
      if (code === "EISDIR") return this.#refuse(path, `${named}, a directory; name the file in it`);
      if (code === "EACCES") {
        return this.#refuse(
          path,
          `${named}, and reading it is not permitted; let the user that runs Crossfade read it`,
        );
      }
      return this.#refuse(path, `${named}, which cannot be read: ${message}`);
    }
  }

  #certificates(path: ConfigPath, text: string): readonly X509Certificate[] | null {
    const blocks = text.match(
      /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g,
    );
    if (blocks === null) {
      const what = text.includes("PRIVATE KEY-----")
        ? "holds a key and no certificate"
        : "holds no certificate in PEM form";
      return this.#refuse(path, `${what}; it is a text with a line -----BEGIN CERTIFICATE-----: name that file`);
    }
    try {
      return blocks.map((block) => new X509Certificate(block));
    } catch (thrown) {
      return this.#refuse(
        path,
        `holds a certificate that cannot be read (${(thrown as Error).message}); get the file anew`,
      );
    }
  }

  #privateKey(path: ConfigPath, text: string): KeyObject | null {
    if (!text.includes("PRIVATE KEY-----")) {
      return this.#refuse(
        path,
        "holds no private key in PEM form; it is a text with a line -----BEGIN PRIVATE KEY-----: name that file",
      );
    }
    if (/-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED/.test(text)) {
      return this.#refuse(
        path,
        "is encrypted, and nobody is there to type its passphrase; write one without, as openssl pkey -in KEY -out PLAIN makes it",
      );
    }
    try {
      return createPrivateKey(text);
    } catch (thrown) {
      return this.#refuse(path, `holds a key that cannot be read (${(thrown as Error).message}); get the file anew`);
    }
  }

  #checkDates(path: ConfigPath, certificate: X509Certificate): void {
    const until = Date.parse(certificate.validTo);
    const name = certificate.subject.replaceAll("\n", ", ") || certificate.subjectAltName;
    const from = Date.parse(certificate.validFrom);
    if (from > this.#now)
      this.#warn(
        path,
        `holds a certificate (${name}) that is valid from ${day(from)} only; others refuse it until then`,
      );
    else if (until <= this.#now)
      this.#warn(path, `holds a certificate (${name}) that ended on ${day(until)}; others refuse it: renew it`);
    else if (until - this.#now < ENDS_SOON_MS)
      this.#warn(path, `holds a certificate (${name}) that ends on ${day(until)}; renew it before`);
  }

  #warn(path: ConfigPath, predicate: string): void {
    this.#findings.warnings.push(this.#places.at(path, predicate));
  }

  #refuse(path: ConfigPath, predicate: string): null {
    this.#findings.errors.push(this.#places.at(path, predicate));
    return null;
  }
}

function keyOf(path: ConfigPath): string {
  return String(path.at(-1));
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

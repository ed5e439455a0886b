/**
 * Certificates of a test's own: written here byte by byte (DER, X.690; certificates, RFC 5280), since neither Node nor every
 * machine has a tool that makes them. They are made when a test runs, so nothing expires.
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
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

export interface Authority {
  /** Holds every file of this authority. */
  readonly folder: string;
  /** PEM of the authority's own certificate. */
  readonly ca: string;
  readonly caFile: string;
  /** `names` are host names and IP addresses. `days` from now, or before now: then the certificate has ended. */
  issue(names: readonly string[], options?: { readonly days?: number; readonly name?: string }): Pair;
}

const DAY_MS = 24 * 60 * 60 * 1000;

export function makeAuthority(t: TestContext): Authority {
  const folder = makeFolder(t);
  const issuer = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const authorityName = `test authority ${randomBytes(4).toString("hex")}`;
  const ca = certify({
    issuer: authorityName,
    signWith: issuer.privateKey,
    subject: authorityName,
    publicKey: issuer.publicKey,
    days: 30,
    extensions: [extension("2.5.29.19", true, tlv(0x30, tlv(0x01, Buffer.of(0xff))))],
  });
  const caFile = join(folder, "ca.crt");
  writeFileSync(caFile, ca);
  let made = 0;
  return {
    folder,
    ca,
    caFile,
    issue(names, { days = 30, name = `pair ${made}` } = {}) {
      made += 1;
      const own = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
      const cert = certify({
        issuer: authorityName,
        signWith: issuer.privateKey,
        subject: name,
        publicKey: own.publicKey,
        days,
        extensions: [extension("2.5.29.17", false, tlv(0x30, ...names.map(alternativeName)))],
      });
      const key = own.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
      const [certFile, keyFile] = [join(folder, `${made}.crt`), join(folder, `${made}.key`)];
      writeFileSync(certFile, cert);
      writeFileSync(keyFile, key);
      return { cert, key, certFile, keyFile };
    },
  };
}

interface Certificate {
  readonly issuer: string;
  readonly signWith: KeyObject;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly days: number;
  readonly extensions: readonly Buffer[];
}

function certify({ issuer, signWith, subject, publicKey, days, extensions }: Certificate): string {
  const algorithm = tlv(0x30, oid("1.2.840.10045.4.3.2"));
  const until = Date.now() + days * DAY_MS;
  const from = Math.min(Date.now(), until) - DAY_MS;
  const body = tlv(
    0x30,
    tlv(0xa0, tlv(0x02, Buffer.of(2))),
    // Positive: the first bit of an INTEGER is its sign.
    tlv(0x02, Buffer.concat([Buffer.of(0x01), randomBytes(8)])),
    algorithm,
    commonName(issuer),
    tlv(0x30, time(from), time(until)),
    commonName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, tlv(0x30, ...extensions)),
  );
  const signature = tlv(0x03, Buffer.of(0), sign("sha256", body, signWith));
  const base64 = tlv(0x30, body, algorithm, signature).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function alternativeName(name: string): Buffer {
  if (isIPv4(name)) return tlv(0x87, Buffer.from(name.split(".").map(Number)));
  // Only ::1 is needed: fifteen zeros and a one.
  if (isIPv6(name)) return tlv(0x87, Buffer.alloc(15), Buffer.of(1));
  return tlv(0x82, Buffer.from(name));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return tlv(0x30, oid(id), ...(critical ? [tlv(0x01, Buffer.of(0xff))] : []), tlv(0x04, value));
}

function commonName(name: string): Buffer {
  return tlv(0x30, tlv(0x31, tlv(0x30, oid("2.5.4.3"), tlv(0x0c, Buffer.from(name)))));
}

/** UTCTime, `YYMMDDHHMMSSZ`: right until 2049. */
function time(at: number): Buffer {
  return tlv(
    0x17,
    Buffer.from(
      `${new Date(at)
        .toISOString()
        .replace(/[-:T]|\.\d+/g, "")
        .slice(2, 14)}Z`,
    ),
  );
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const digits = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

/** Tag, length, value. */
function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >>> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}

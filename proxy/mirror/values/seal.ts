/** Pairs as they are kept: found by keyed hashes, their texts encrypted. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { Identity } from "../../exchange.ts";
import type { ValuePairRow } from "../../ids/value-pairs.ts";

/** How a service spells a value: in JSON as a text or a number, or somewhere that knows texts alone. */
export type Spelling = "string" | "number" | "plain";

export interface Value {
  readonly text: string;
  readonly spelling: Spelling;
}

export interface ValuePair {
  readonly kind: string;
  readonly legacy: Value;
  readonly next: Value;
  /** Whose value clients hold: of who was the primary when it was learnt. */
  readonly held: Identity;
  /** Epoch ms from which on it is not there any more; null: it stays. */
  readonly until: number | null;
}

type SealedTexts = [l: Spelling, legacy: string, n: Spelling, next: string, held?: "next"];
const HELD_MARK = { legacy: [], next: ["next"] } as const;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** 128 bits: of 10^9 values no two collide but with a chance of 10^-21. */
const HASH_HEX = 32;

export interface Seal {
  hash(kind: string, text: string): string;
  close(pair: ValuePair, at: number): ValuePairRow;
  /** null: it was sealed with another key, or is damaged. */
  open(row: ValuePairRow): Omit<ValuePair, "kind"> | null;
}

/** `keyedHash`: HMAC-SHA-256 under a key for this purpose alone, in hex. */
export function createSeal(key: Buffer, keyedHash: (content: string) => string): Seal {
  const cipherKey = Buffer.from(hkdfSync("sha256", key, "", "value pairs", 32));
  const hash = (kind: string, text: string): string => keyedHash(`${kind}\0${text}`).slice(0, HASH_HEX);
  return {
    hash,
    close({ kind, legacy, next, held, until }, at) {
      const row = { kind, legacy: hash(kind, legacy.text), next: hash(kind, next.text), at, until };
      // Most ids of a next that was given them are these: the hash says all.
      if (legacy.text === next.text && legacy.spelling === next.spelling) return { ...row, sealed: null };
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", cipherKey, nonce);
      // A row whose texts were put under other hashes must not open.
      cipher.setAAD(aadOf(row));
      const texts = JSON.stringify([legacy.spelling, legacy.text, next.spelling, next.text, ...HELD_MARK[held]]);
      const sealed = Buffer.concat([nonce, cipher.update(texts, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return { ...row, sealed: sealed.toString("base64") };
    },
    open(row) {
      if (row.sealed === null) return null;
      const sealed = Buffer.from(row.sealed, "base64");
      try {
        const decipher = createDecipheriv("aes-256-gcm", cipherKey, sealed.subarray(0, NONCE_BYTES));
        decipher.setAAD(aadOf(row));
        decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
        const texts = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
        const [l, legacy, n, next, held] = JSON.parse(texts.toString()) as SealedTexts;
        return {
          legacy: { text: legacy, spelling: l },
          next: { text: next, spelling: n },
          held: held ?? "legacy",
          until: row.until,
        };
      } catch {
        return null;
      }
    },
  };
}

function aadOf({ kind, legacy, next }: Pick<ValuePairRow, "kind" | "legacy" | "next">): Buffer {
  return Buffer.from(JSON.stringify([kind, legacy, next]));
}

export function otherSide(side: Identity): Identity {
  return side === "legacy" ? "next" : "legacy";
}

/** How `to` is written where its partner stood as `written`. */
export function spellAs(written: Spelling, from: Value, to: Value): Spelling {
  if (written === "plain") return "plain";
  // The services' own habit counts; a client that puts numbers in quotes is given them in quotes.
  const asLearnt =
    to.spelling === "plain" ? written : written === from.spelling || from.spelling === "plain" ? to.spelling : written;
  return asLearnt === "number" && !JSON_NUMBER.test(to.text) ? "string" : asLearnt;
}

const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

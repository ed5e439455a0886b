import type { Settings } from "../config/settings.ts";
import type { Switchboard } from "../config/switchboard.ts";
import { keyedHash } from "../record/keyed-hash.ts";
import { deriveKey } from "../record/secret-key.ts";

const DIGEST_LENGTH = 8;

/**
 * Tells whether two processes do the same to requests: of services and routes as the file has them, whatever else is each
 * process's own. Keyed with what all who share a store have, since services hold secrets.
 */
export function createSettingsDigest(key: Buffer): (settings: Settings) => string {
  const hashOf = keyedHash(key);
  const digests = new WeakMap<Settings, string>();
  return (settings) => {
    let digest = digests.get(settings);
    if (digest === undefined) {
      digest = hashOf(JSON.stringify([settings.services, settings.routes])).slice(0, DIGEST_LENGTH);
      digests.set(settings, digest);
    }
    return digest;
  };
}

/** Of what is in use. `secretKey`: the same for all who share the store. */
export function createOwnDigest(secretKey: Buffer, acting: Pick<Switchboard, "file">): () => string {
  const digestOf = createSettingsDigest(deriveKey(secretKey, "settings"));
  return () => digestOf(acting.file());
}

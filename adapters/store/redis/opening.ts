/** Opens the store in Redis: may this user do all of it, which opening is it, and was something lost since the last? */
import { randomBytes } from "node:crypto";
import type { RedisSettings } from "../../../proxy/config/settings.ts";
import { baseOf, CLUSTER_PARTITIONS } from "./keys.ts";
import type { RedisLink } from "./link.ts";
import { SCRIPTS } from "./scripts.ts";
import { refused } from "./server.ts";

/** As the key file of a SQLite store holds (proxy/record/secret-key.ts). */
const SECRET_BYTES = 32;

export interface Meta {
  readonly generation: number;
  readonly partitions: number;
  readonly secret: Buffer;
  /** As the last process that looked has left them; empty: nobody has. */
  readonly replicationBefore: readonly string[];
}

/** @throws RedisFailed; CrossfadeError that names what the user may not do */
export async function checkPermissions(link: RedisLink, settings: RedisSettings): Promise<void> {
  const { prefix, username } = settings;
  const reply = await link.run(SCRIPTS.probe, baseOf(prefix, 0), {});
  const [lacking, foreign] = reply as [readonly string[], number];
  if (lacking.length === 0 && foreign === 0) return;
  const user = username ?? "default";
  const may = foreign === 1 ? `use keys that begin with ${prefix}:` : `use ${lacking.join(", ")}`;
  const way = `ACL SETUSER ${user} ~${prefix}:* ${foreign === 1 ? "" : lacking.map((name) => `+${name.toLowerCase()}`).join(" ")}`;
  throw refused(`${link.place}: the user ${user} may not ${may}; allow it: ${way.trim()}`);
}

/** `opening`: counts as one. Otherwise what is missing is put there again, and the replication ids are noted. */
export async function visitMeta(
  link: RedisLink,
  settings: RedisSettings,
  given: {
    readonly opening: boolean;
    readonly now: number;
    readonly replication: readonly string[];
    readonly known: Meta | null;
  },
): Promise<Meta> {
  const { opening, now, replication, known } = given;
  const partitions = known?.partitions ?? (settings.topology === "cluster" ? CLUSTER_PARTITIONS : 1);
  const secret = known?.secret ?? randomBytes(SECRET_BYTES);
  const order = {
    opening,
    partitions: String(partitions),
    secret: secret.toString("hex"),
    // Order stamps begin with the generation. Where none is here a store may have been lost, and the seconds since 1970
    // are above any that it had: a store that is opened less than once a second cannot have come that far.
    floor: String(Math.max(Math.floor(now / 1000), known?.generation ?? 0)),
    replication: replication.join(" "),
  };
  const reply = (await link.run(SCRIPTS.meta, baseOf(settings.prefix, 0), order)) as [string, string, string, string];
  return {
    generation: Number(reply[0]),
    partitions: Number(reply[1]),
    secret: Buffer.from(reply[2], "hex"),
    replicationBefore: reply[3] === "" ? [] : reply[3].split(" "),
  };
}

/** A master whose id is new in the place of one that is gone: a failover or a restart. New nodes alone are none. */
export function replicationChanged(before: readonly string[], now: readonly string[]): boolean {
  return before.some((id) => !now.includes(id)) && now.some((id) => !before.includes(id));
}

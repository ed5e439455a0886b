/** What the admin listener does when it is asked to with `POST`: one table for routing and the OpenAPI document. */
import { readMirrorSwitch } from "./override-change.ts";
import type { AdminParts } from "./parts.ts";
import { PURGE_MAX_BYTES, readPurge } from "./purge-request.ts";
import type { SchemaName } from "./schemas.ts";

/** Asked for by someone with the role operate. */
export interface ActionCall {
  readonly parts: AdminParts;
  /** The body's text. */
  readonly body: string;
  /** Who asks. */
  readonly by: string;
}

export interface Action {
  readonly path: string;
  readonly summary: string;
  readonly takes: SchemaName;
  readonly answers: SchemaName;
  /** Of the request's body. */
  readonly maxBytes: number;
  /** It may take minutes; whoever goes away meanwhile does not stop it. */
  readonly reply: (call: ActionCall) => Promise<unknown>;
}

export const ACTIONS: readonly Action[] = [
  {
    path: "/api/v1/mirror",
    summary: "The kill switch: off, nothing is mirrored, whatever file and overrides say; on, both decide again",
    takes: "MirrorSwitch",
    answers: "MirrorState",
    maxBytes: 8 * 1024,
    reply: async ({ parts, body, by }) => {
      const change = readMirrorSwitch(body, by);
      const { kept } = await parts.override(change);
      return { enabled: change.mirror === true, kept };
    },
  },
  {
    path: "/api/v1/divergences/purge",
    summary:
      "Erases the divergences of one entity key, shown plain or redacted, from the store and the divergence log; the repair list stays",
    takes: "Purge",
    answers: "Purged",
    maxBytes: PURGE_MAX_BYTES,
    reply: ({ parts, body, by }) => parts.purge(readPurge(body, by)),
  },
];

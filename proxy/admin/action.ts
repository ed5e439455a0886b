import type { AdminParts } from "./parts.ts";
import type { SchemaName } from "./schemas.ts";

/** Asked for by someone with the role operate. */
export interface ActionCall {
  readonly parts: AdminParts;
  /** The item's id, decoded; "" where the path has none. */
  readonly id: string;
  /** The body's text. */
  readonly body: string;
  /** Who asks. */
  readonly by: string;
}

export interface Action {
  /** As OpenAPI writes it: `{id}` is one segment. */
  readonly path: string;
  readonly summary: string;
  readonly takes: SchemaName;
  readonly answers: SchemaName;
  /** Of the request's body. */
  readonly maxBytes: number;
  /** It may take minutes; whoever goes away meanwhile does not stop it. */
  readonly reply: (call: ActionCall) => Promise<unknown>;
}

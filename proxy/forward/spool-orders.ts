/** What the main thread and the spool's thread tell each other. Orders of one file are carried out in their order. */

/** Bytes of one slot of the memory that both threads share. */
export const SLOT_BYTES = 64 * 1024;

/** What a new thread is given. */
export interface SpoolThreadData {
  /** Slots, one behind the other. */
  readonly memory: SharedArrayBuffer;
}

/** It keeps its name, and has its tag behind it (lasting-bodies.ts) once it is whole. */
export interface LastingOrder {
  readonly tagKey: Uint8Array;
  /** With it on the disk, and not only with the system. */
  readonly isSynced: boolean;
}

export type SpoolOrder =
  | {
      readonly order: "open";
      readonly file: number;
      readonly path: string;
      readonly key: Uint8Array;
      readonly iv: Uint8Array;
      /** null: it is unlinked at once. */
      readonly lasting: LastingOrder | null;
    }
  /** The first `length` bytes of a slot, which is free again once a reply says so. */
  | { readonly order: "write"; readonly file: number; readonly slot: number; readonly length: number }
  /** Only the digest is wanted from here on. */
  | { readonly order: "digest-only"; readonly file: number }
  /** Asks for a reply once everything before is written. */
  | { readonly order: "tell"; readonly file: number }
  | { readonly order: "close"; readonly file: number };

export type SpoolReply =
  | { readonly reply: "opened"; readonly file: number; readonly fd: number }
  | { readonly reply: "failed"; readonly file: number; readonly why: string }
  /** The digest of everything written. */
  | { readonly reply: "written"; readonly file: number; readonly sha256: string }
  | { readonly reply: "freed"; readonly slots: readonly number[] }
  | { readonly reply: "closed"; readonly file: number };

/**
 * What a member may rely on, should it start while the store is away: as long as it is registered nothing moves without it, so that
 * its own copy of the phases is right for every route, except for those of a move that it had agreed to.
 */
export interface Standing {
  /** It has not left. */
  readonly isRegistered: boolean;
  /** Routes of a move that it has said to be ready for, and whose end it has not read. */
  readonly inDoubt: readonly string[];
}

export interface StandingFile {
  /** null: there is none that can be read. */
  read(): Standing | null;
  /** Durable when it returns. @throws as the disk does */
  write(standing: Standing): void;
}

/** What the exit code says; the same for every command. */
export const EXIT = {
  done: 0,
  /** It ran, and the answer is no: divergent, invalid, not found. */
  no: 1,
  usage: 2,
  /** It could not run: nothing to talk to, a port taken, a Node too old. */
  failed: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with one message for people on stderr. */
export class Exit extends Error {
  override readonly name = "Exit";
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A running Crossfade understood what it was asked to do, and answered no. */
export class Refused extends Exit {
  /** The whole answer, with whatever it has beside its sentence. */
  readonly body: unknown;

  constructor(message: string, body: unknown) {
    super(EXIT.no, message);
    this.body = body;
  }
}

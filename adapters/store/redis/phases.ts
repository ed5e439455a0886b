/** Phases and transitions (lua/phases.lua): one member's way to what all share. */
import { CrossfadeError } from "../../../proxy/errors.ts";
import type { KeptPhase, PhaseMove } from "../../../proxy/moves/kept-phase.ts";
import type {
  Announced,
  Transition,
  TransitionAck,
  Transitions,
  TransitionState,
  TransitionView,
} from "../../../proxy/moves/transition.ts";
import { baseOf } from "./keys.ts";
import type { RedisLink } from "./link.ts";
import type { Reading } from "./reading.ts";
import { SCRIPTS } from "./scripts.ts";
import type { Told } from "./told.ts";

type Reply = readonly [
  now: string,
  rows: readonly string[],
  transition: string,
  acks: readonly string[],
  registered: readonly string[],
  word: "done" | "changed" | "moving" | "over" | "late" | "missing" | "taken" | "uncertain" | "settling",
  isUncertain: 0 | 1,
  isSettling: 0 | 1,
];

interface KeptTransition {
  readonly id: string;
  readonly state: TransitionState;
  readonly coordinator: string;
  readonly drains: boolean;
  readonly settings?: string;
  readonly moves: readonly SentMove[];
  readonly members: readonly string[];
  readonly givenUp?: readonly string[];
  readonly until: number;
  readonly why?: string;
}

/** The row as text: what Lua does not have to understand it does not change. */
interface SentMove {
  readonly route: string;
  readonly row: string;
  readonly instead: PhaseMove["instead"];
}

export interface RedisPhasesSettings {
  readonly link: RedisLink;
  readonly prefix: string;
  readonly reading: Reading;
  /** The member, and which process of it this is. */
  readonly id: string;
  readonly life: string;
  readonly told: Pick<Told, "isOn">;
}

/** Where steps are told too, and where they are not: a step is waited for half of it on the average. */
const LOOK_AGAIN_MS = { told: 20, untold: 3 };

export class RedisPhases implements Transitions {
  readonly #settings: RedisPhasesSettings;

  constructor(settings: RedisPhasesSettings) {
    this.#settings = settings;
  }

  get lookAgainMs(): number {
    return this.#settings.told.isOn ? LOOK_AGAIN_MS.told : LOOK_AGAIN_MS.untold;
  }

  async phases(): Promise<readonly KeptPhase[]> {
    return (await this.look()).phases;
  }

  async movePhases(moves: readonly PhaseMove[]): Promise<"done" | "changed"> {
    const [, , , , , word] = await this.#run({ what: "move", moves: moves.map(sent) });
    if (word !== "moving") return word === "done" ? "done" : "changed";
    throw new CrossfadeError("api-refused", "another move is under way; try again when it has ended", {
      source: "client",
      retryable: true,
    });
  }

  look(): Promise<TransitionView> {
    return this.#step({ what: "look" });
  }

  announce({ moves, ...announced }: Announced): Promise<TransitionView> {
    const { id: member, life } = this.#settings;
    return this.#step({ what: "announce", member, life, moves: moves.map(sent), ...announced });
  }

  prepare(id: string, forMs: number): Promise<TransitionView> {
    return this.#step({ what: "prepare", id, forMs });
  }

  acknowledge(id: string, ack: TransitionAck): Promise<TransitionView> {
    const { id: member, life } = this.#settings;
    return this.#step({ what: "acknowledge", id, member, life, ack });
  }

  commit(id: string): Promise<TransitionView> {
    return this.#step({ what: "commit", id });
  }

  abort(id: string, why: string): Promise<TransitionView> {
    return this.#step({ what: "abort", id, why });
  }

  deny(id: string, why: string): Promise<TransitionView> {
    return this.#step({ what: "abort", id, why, isKnown: true });
  }

  witness({ acks: _, why: __, moves, givenUp, ...transition }: Transition): Promise<TransitionView> {
    const { id: member, life } = this.#settings;
    const before = givenUp.length === 0 ? {} : { givenUp };
    const text = JSON.stringify({ ...transition, ...before, moves: moves.map(sent) } satisfies KeptTransition);
    return this.#step({ what: "witness", id: transition.id, member, life, transition: text });
  }

  tellAgain(rows: readonly KeptPhase[]): Promise<TransitionView> {
    return this.#step({ what: "tellAgain", moves: rows.map((row) => sent({ row, instead: null })) });
  }

  async #step(order: object): Promise<TransitionView> {
    return read(await this.#run(order));
  }

  async #run(order: object): Promise<Reply> {
    const { reading, link, prefix } = this.#settings;
    return (await reading.askAtOnce(() => link.run(SCRIPTS.phases, baseOf(prefix, 0), order))) as Reply;
  }
}

function sent({ row, instead }: PhaseMove): SentMove {
  const expected = instead === null ? null : { epoch: instead.epoch, at: instead.at };
  return { route: row.route, row: JSON.stringify(row), instead: expected };
}

function read([now, rows, text, acks, registered, _, isUncertain, isSettling]: Reply): TransitionView {
  return {
    now: Number(now),
    phases: rows.map((row) => JSON.parse(row) as KeptPhase),
    transition: text === "" ? null : readTransition(JSON.parse(text) as KeptTransition, acks),
    registered,
    isUncertain: isUncertain === 1,
    isSettling: isSettling === 1,
  };
}

function readTransition({ moves, why, givenUp = [], ...kept }: KeptTransition, flat: readonly string[]): Transition {
  const acks = new Map<string, TransitionAck>();
  for (let i = 0; i < flat.length; i += 2)
    acks.set(flat[i] as string, JSON.parse(flat[i + 1] as string) as TransitionAck);
  const read = moves.map(({ row, instead }) => ({ row: JSON.parse(row) as KeptPhase, instead: instead ?? null }));
  return { ...kept, moves: read, givenUp, why: why ?? null, acks };
}

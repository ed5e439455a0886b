/**
 * The members of a store in Redis (lua/members.lua). Each looks four times a second whether overrides or phases have changed, and says
 * once a second what it runs. Of a move of phases it is told as well (told.ts), so as not to be late; looking is what is relied on, as a
 * connection that is dead without a word would have to be found out by that.
 */
import type { Override } from "../../../proxy/moves/overrides.ts";
import type { ForgetEnd, Member, MemberReport, Members, MemberSelf } from "../../../proxy/members/members.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import type { Clock } from "../../../proxy/ports.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { baseOf } from "./keys.ts";
import type { RedisLink } from "./link.ts";
import type { Reading } from "./reading.ts";
import { SCRIPTS } from "./scripts.ts";

const SECOND = 1000;
const LOOK_EVERY_MS = 250;
const SAY_EVERY_MS = SECOND;
/** Several sayings, and more than what Redis' own absence can seem (MOST_BETWEEN_SAYINGS_MS). */
export const SILENT_AFTER_MS = 5 * SECOND;
/** Within this time a process that is alive says so, also on a loaded machine. */
const TWIN_SPEAKS_MS = 3 * SAY_EVERY_MS;
const TWIN_LOOK_MS = 100;

/** Of the overrides: how often they have changed, and which batch did it last. */
type Revision = readonly [changes: number, by: string];

/** One member's row. */
interface Said extends Partial<MemberReport> {
  /** Where its folder is: it is locked there, so that another process of the same place is its successor. */
  readonly place: string;
  readonly left?: true;
}

export interface RedisMembersSettings {
  readonly link: RedisLink;
  readonly prefix: string;
  readonly reading: Reading;
  readonly clock: Pick<Clock, "now">;
  /** Its identity, and which process of it this is. */
  readonly id: string;
  readonly life: string;
  /** null: the identity ends with the process. */
  readonly place: string | null;
  /** What is wrong with its folder, in words; null: nothing. */
  readonly folderProblem: () => string | null;
  /** What is kept, under what of it this process has changed and Redis does not have yet. */
  readonly overrides: () => Promise<readonly Override[]>;
}

export class RedisMembers implements Members {
  readonly id: string;
  readonly #settings: RedisMembersSettings;
  #self: MemberSelf | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isLooking = false;
  #isRegistered = false;
  #wasRegistered = false;
  #saidAt = -Infinity;
  #said = "";
  /** Of the overrides as they were last told; null: they are to be read. */
  #revision: Revision | null = null;
  /** How often phases had changed when it was last told. */
  #phases = -1;
  #problem: string | null = null;
  #isOver = false;

  constructor(settings: RedisMembersSettings) {
    this.id = settings.id;
    this.#settings = settings;
  }

  async join(self: MemberSelf): Promise<void> {
    this.#self = self;
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
    await this.#look();
  }

  async list(): Promise<readonly Member[]> {
    const { link, prefix, reading } = this.#settings;
    return readMembers(await reading.askAtOnce(() => listAt(link, prefix)), this.id);
  }

  async forget(id: string): Promise<ForgetEnd> {
    const { reading } = this.#settings;
    const [end] = (await reading.askAtOnce(() => this.#run({ what: "forget", id, silentMs: SILENT_AFTER_MS }))) as [
      ForgetEnd,
    ];
    return end;
  }

  /** Of a step of a transition: `ID STEP`, and behind it the one member that waits for it where not all do. */
  moveTold(told: string): void {
    const [, , member = this.id] = told.split(" ");
    if (member === this.id && !this.#isOver) this.#self?.phasesChanged();
  }

  /** The store has been away: what it has now may be less than what was known. */
  cameBack(): void {
    this.#phases = -1;
    void this.#look();
  }

  problem(): string | null {
    const problems = [this.#settings.folderProblem(), this.#problem].filter((problem) => problem !== null);
    return problems.length === 0 ? null : problems.join("; ");
  }

  async leave(): Promise<void> {
    this.stop();
    const { link, place } = this.#settings;
    if (!link.isUp || !this.#isRegistered) return;
    const order = { what: "leave", lasting: place !== null };
    await this.#run(order, { ...this.#report(), left: true }).catch(() => undefined);
  }

  /** Without a word: whoever has not left is silent from here on. */
  stop(): void {
    this.#isOver = true;
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { link } = this.#settings;
    if (this.#isLooking || this.#isOver || !link.isUp) return;
    this.#isLooking = true;
    try {
      await this.#tell();
    } catch {
      // The link says what is wrong; the next look is soon. Which overrides and phases there are has to be read then.
      this.#saidAt = -Infinity;
      this.#phases = -1;
    } finally {
      this.#isLooking = false;
    }
  }

  async #tell(): Promise<void> {
    const report = this.#report();
    const { open: _, ...steady } = report;
    const text = JSON.stringify(steady);
    const now = performance.now();
    const isDue = text !== this.#said || now - this.#saidAt >= SAY_EVERY_MS;
    const [begins, again] = [!this.#isRegistered, !this.#isRegistered && this.#wasRegistered];
    const order = { what: isDue || begins ? "say" : "look", begins, again };
    const [state, phases, ...revision] = (await this.#run(order, report)) as [
      "here" | "gone" | "taken",
      number,
      ...Revision,
    ];
    if (isDue) [this.#said, this.#saidAt] = [text, now];
    if (state === "here") [this.#isRegistered, this.#wasRegistered] = [true, true];
    else if (state === "gone") {
      this.#isRegistered = false;
      this.#saidAt = -Infinity;
      // What has lost the registration may have lost the phases too, and have counted to the same number again.
      this.#phases = -1;
      const at = new Date(this.#settings.clock.now()).toISOString();
      this.#problem = `this member was forgotten by an operator, or Redis lost its registration, at ${at}; it has registered again`;
    } else {
      this.#problem =
        "another process has this member's identity, and counts as it; give each process a member.folder of its own";
    }
    if (phases !== this.#phases) {
      this.#phases = phases;
      this.#self?.phasesChanged();
    }
    if (revision.join() !== this.#revision?.join()) await this.#follow(revision);
  }

  async #follow(revision: Revision): Promise<void> {
    const kept = await this.#settings.overrides();
    const hasFewer = this.#revision !== null && revision[0] <= this.#revision[0];
    this.#self?.overridesKept(kept, hasFewer);
    this.#revision = revision;
  }

  #report(): Said {
    return { place: this.#settings.place ?? "", ...this.#self?.report() };
  }

  #run(order: object, said?: Said): Promise<unknown> {
    const { link, prefix, life } = this.#settings;
    const texts = said === undefined ? [] : [JSON.stringify(said)];
    return link.run(SCRIPTS.members, baseOf(prefix, 0), { id: this.id, life, ...order }, texts);
  }
}

/**
 * A copy of a member's folder is the same member: two of them at once would undo each other's accounts. The one that was
 * there before is waited for: what was killed says nothing more.
 * @throws CrossfadeError `store-locked`: it is alive
 */
export async function refuseTwin(link: RedisLink, prefix: string, id: string, place: string): Promise<void> {
  const until = performance.now() + TWIN_SPEAKS_MS;
  let first: string | null = null;
  for (;;) {
    const { now, said, stamps } = await listAt(link, prefix);
    const row = said.get(id);
    const stamp = stamps.get(id) ?? "0 0";
    if (row === undefined || row.left === true || row.place === place) return;
    if (now - heardAtOf(stamp) >= SILENT_AFTER_MS || performance.now() >= until) return;
    if (first !== null && stamp !== first) throw twin(link.place, id, row);
    first ??= stamp;
    await sleep(TWIN_LOOK_MS);
  }
}

function twin(place: string, id: string, { host, pid, place: folder }: Said): CrossfadeError {
  const message =
    `store ${place}: member ${id} is running already (${host ?? "?"}, process ${pid ?? "?"}, ${folder}), and member.folder is a copy of ` +
    "its folder; give this process a folder of its own (an empty one makes a new member), or stop the other one first";
  return new CrossfadeError("store-locked", message, { source: "store" });
}

/** Whether whoever starts now finds all members registered (lua/transition.lua, `isSettling`). */
export async function areSettled(link: RedisLink, prefix: string): Promise<boolean> {
  const [settled] = (await link.run(SCRIPTS.members, baseOf(prefix, 0), { what: "settled" })) as [0 | 1];
  return settled === 1;
}

interface Listed {
  /** Ms for which some member was heard. */
  readonly heardFor: number;
  /** Epoch ms, by Redis. */
  readonly now: number;
  readonly said: ReadonlyMap<string, Said>;
  /** When each was heard, by both. */
  readonly stamps: ReadonlyMap<string, string>;
}

async function listAt(link: RedisLink, prefix: string): Promise<Listed> {
  const reply = (await link.run(SCRIPTS.members, baseOf(prefix, 0), { what: "list" })) as [
    number,
    string,
    string[],
    string[],
  ];
  const [heardFor, now, rows, stamps] = reply;
  const said = [...pairsOf(rows)].map(([id, text]) => [id, JSON.parse(text) as Said] as const);
  return { heardFor, now: Number(now), said: new Map(said), stamps: new Map(pairsOf(stamps)) };
}

function readMembers({ heardFor, said, stamps }: Listed, self: string): readonly Member[] {
  return [...said]
    .map(([id, { place: _, left, ...report }]) => {
      const stamp = stamps.get(id) ?? "0 0";
      const isSilent = heardFor - Number(stamp.split(" ")[0]) >= SILENT_AFTER_MS;
      const { state, ...rest } = report as MemberReport;
      const now = left === true ? "left" : isSilent ? "silent" : state;
      return { ...rest, id, state: now, heardAt: heardAtOf(stamp), isSelf: id === self } satisfies Member;
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function heardAtOf(stamp: string): number {
  return Number(stamp.split(" ")[1]);
}

function* pairsOf(flat: readonly string[]): Generator<readonly [string, string]> {
  for (let i = 0; i < flat.length; i += 2) yield [flat[i] as string, flat[i + 1] as string];
}

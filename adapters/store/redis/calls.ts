/**
 * Questions among members (lua/calls.lua). Each member looks four times a second whether anything is asked, and all the time
 * while something is. There is no subscription, for the reason that members.ts gives. Texts are sealed: Redis sees no key of an
 * entity.
 */
import { hkdfSync, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { AnswerCall, MemberAnswers, MemberCalls } from "../../../proxy/members/member-calls.ts";
import { type Member, nameOf } from "../../../proxy/members/members.ts";
import { createSealer, type Sealer } from "../../../proxy/sealed.ts";
import { baseOf } from "./keys.ts";
import type { RedisLink } from "./link.ts";
import { SCRIPTS } from "./scripts.ts";

const KEY_BYTES = 32;
const LOOK_EVERY_MS = 250;
/** While something is asked, and for a while after it. */
const BUSY_LOOK_EVERY_MS = 10;
const BUSY_FOR_MS = 60_000;
const COLLECT_EVERY_MS = 5;
/** Of what is asked at the start: Redis was there a moment ago. */
const FIRST_LOOK_WITHIN_MS = 5_000;

export interface RedisCallsSettings {
  readonly link: RedisLink;
  readonly prefix: string;
  /** The member, and which process of it this is. */
  readonly id: string;
  readonly life: string;
  /** The same for all members. */
  readonly secret: Buffer;
  /** Those that are there. */
  readonly members: () => Promise<readonly Member[]>;
}

interface Expected {
  readonly name: string;
  /** It is in no list any more, and had answered before. */
  readonly isUnlisted: boolean;
}

export class RedisCalls implements MemberCalls {
  readonly #settings: RedisCallsSettings;
  readonly #sealer: Sealer;
  /** About what this process asks itself: it does not answer that. */
  readonly #own = new Set<string>();
  /** Of each thing that is asked about the last call that was heard. */
  #seen = new Map<string, string>();
  /** Who answered last, by what it was about: member → name. One that Redis has lost is not forgotten at once. */
  readonly #answered = new Map<string, ReadonlyMap<string, string>>();
  #answer: AnswerCall | null = null;
  #timer: NodeJS.Timeout | null = null;
  #busyUntil = -Infinity;
  #isOver = false;

  constructor(settings: RedisCallsSettings) {
    this.#settings = settings;
    this.#sealer = createSealer(
      Buffer.from(hkdfSync("sha256", settings.secret, "", "crossfade member calls", KEY_BYTES)),
    );
  }

  async serve(answer: AnswerCall): Promise<void> {
    this.#answer = answer;
    const deadline = performance.now() + FIRST_LOOK_WITHIN_MS;
    while (!(await this.#look()) && performance.now() < deadline) await sleep(COLLECT_EVERY_MS);
    this.#lookLater();
  }

  stop(): void {
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async ask(about: string, question: string, forMs: number): Promise<MemberAnswers> {
    this.#own.add(about);
    const deadline = performance.now() + forMs;
    const call = randomUUID();
    try {
      // Whoever is not in the list by then hears of it when it registers.
      await this.#run({ what: "put", about, call }, [this.#sealer.seal(question)]);
      if (forMs === 0) return { answers: new Map(), missing: null };
      const expected = await this.#expected(about, deadline);
      if (typeof expected === "string") return { answers: new Map(), missing: expected };
      return await this.#collect({ about, call }, expected, deadline);
    } catch (thrown) {
      return { answers: new Map(), missing: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  }

  /** By member. In words: nobody has to be waited for, since one of them will not answer. */
  async #expected(about: string, deadline: number): Promise<ReadonlyMap<string, Expected> | string> {
    const { members, id } = this.#settings;
    const late = sleep(Math.max(1, deadline - performance.now()), null, { ref: false });
    const all = await Promise.race([members(), late]);
    if (all === null) return "the store does not answer in time";
    const expected = new Map<string, Expected>();
    for (const [each, name] of this.#answered.get(about) ?? []) expected.set(each, { name, isUnlisted: true });
    for (const member of all) {
      if (member.id === id) continue;
      if (member.state === "left") expected.delete(member.id);
      else expected.set(member.id, { name: nameOf(member), isUnlisted: false });
    }
    const silent = all.find((member) => member.state === "silent" && member.id !== id);
    if (silent === undefined) return expected;
    return `member ${nameOf(silent)} is silent; start it again, or say that it will not come back (crossfade instances forget)`;
  }

  async #collect(
    { about, call }: { readonly about: string; readonly call: string },
    expected: ReadonlyMap<string, Expected>,
    deadline: number,
  ): Promise<MemberAnswers> {
    for (;;) {
      const said = expected.size === 0 ? [] : ((await this.#run({ what: "collect", about })) as readonly string[]);
      const answers = new Map<string, string>();
      const answered = new Map<string, string>();
      for (let i = 0; i < said.length; i += 2) {
        const [head = "", text = ""] = (said[i + 1] as string).split("\n");
        const [of, life = ""] = head.split(" ");
        const opened = of === call ? this.#sealer.open(text) : null;
        if (opened === null) continue;
        answers.set(life, opened);
        answered.set(said[i] as string, expected.get(said[i] as string)?.name ?? "");
      }
      const missing = [...expected].filter(([member]) => !answered.has(member)).map(([, of]) => of);
      if (missing.length === 0 || performance.now() >= deadline) {
        this.#answered.set(about, answered);
        return { answers, missing: missing.length === 0 ? null : missing.map(wordsOf).join("; ") };
      }
      await sleep(COLLECT_EVERY_MS);
    }
  }

  #lookLater(): void {
    if (this.#isOver) return;
    const everyMs = performance.now() < this.#busyUntil ? BUSY_LOOK_EVERY_MS : LOOK_EVERY_MS;
    this.#timer = setTimeout(() => void this.#look().then(() => this.#lookLater()), everyMs);
    this.#timer.unref();
  }

  /** Whether Redis could be asked. */
  async #look(): Promise<boolean> {
    if (this.#isOver || !this.#settings.link.isUp) return false;
    try {
      const seen = Object.fromEntries(this.#seen);
      const reply = (await this.#run({ what: "look", seen })) as readonly string[];
      const now = new Map<string, string>();
      for (let i = 0; i < reply.length; i += 4) {
        const [about, call, age, text] = reply.slice(i, i + 4) as [string, string, string, string];
        now.set(about, call);
        const ageMs = Number(age);
        if (ageMs < BUSY_FOR_MS) this.#busyUntil = Math.max(this.#busyUntil, performance.now() + BUSY_FOR_MS - ageMs);
        if (this.#own.has(about) || text === "") continue;
        const question = this.#sealer.open(text);
        if (question !== null) void this.#say({ about, call }, question, ageMs);
      }
      this.#seen = now;
      return true;
    } catch {
      // The link says what is wrong.
      return false;
    }
  }

  async #say(
    { about, call }: { readonly about: string; readonly call: string },
    question: string,
    ageMs: number,
  ): Promise<void> {
    const { id: member, life } = this.#settings;
    try {
      const answer = await this.#answer?.(question, ageMs);
      if (answer === undefined) return;
      await this.#run({ what: "answer", about, call, member, life }, [this.#sealer.seal(answer)]);
    } catch {
      // Whoever asked names who has not answered.
    }
  }

  #run(order: object, texts: readonly string[] = []): Promise<unknown> {
    const { link, prefix } = this.#settings;
    return link.run(SCRIPTS.calls, baseOf(prefix, 0), order, texts);
  }
}

function wordsOf({ name, isUnlisted }: Expected): string {
  return isUnlisted
    ? `a member ended, or Redis lost its registration, while the rows were read`
    : `member ${name} has not answered in time`;
}

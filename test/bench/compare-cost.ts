/**
 * P8, in a process of its own: what comparing a pair of answers costs, through the entry that the event loop uses, against
 * two JSON.parse calls on texts that are already strings. Argument: rounds. Prints one line of JSON (CompareCost[]).
 */
import { type AnswerPair, type ComparableAnswer, compareCheaply } from "../../proxy/compare/diff-answers.ts";
import { DEFAULT_ROUTE } from "../../proxy/config/defaults.ts";
import { changed, documentsOf } from "./documents.ts";
import { medianOf } from "./statistics.ts";

export interface CompareCost {
  readonly shape: string;
  readonly bytes: number;
  /** Microseconds of the two JSON.parse calls. */
  readonly parseMicros: number;
  /** Times that, each the median of the rounds. */
  readonly oneField: number;
  readonly equalBytes: number;
  /** One field differs and the shadow indents: nothing but values is alike. */
  readonly otherSpelling: number;
}

const BYTES = 10_000;
const CALLS = 100;

interface Prepared {
  readonly shape: string;
  readonly texts: readonly [string, string];
  readonly oneField: AnswerPair;
  readonly equalBytes: AnswerPair;
  readonly otherSpelling: AnswerPair;
}

function prepare(shape: string, text: string): Prepared {
  const other = changed(text);
  return {
    shape,
    texts: [text, other],
    oneField: pairOf(text, other),
    equalBytes: pairOf(text, text),
    otherSpelling: pairOf(text, spread(other)),
  };
}

/** White space behind every comma and colon that stands outside of strings. */
function spread(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[,:]/g, (token) => (token.length === 1 ? `${token} ` : token));
}

function pairOf(primary: string, shadow: string): AnswerPair {
  const answer = (text: string): ComparableAnswer => {
    const headers = ["content-type", "application/json; charset=utf-8"];
    return { status: 200, headers, body: { kind: "bytes", bytes: Buffer.from(text) } };
  };
  return { primary: answer(primary), shadow: answer(shadow), rules: DEFAULT_ROUTE.compare, now: 0 };
}

function check({ shape, oneField, equalBytes, otherSpelling }: Prepared): void {
  for (const pair of [oneField, otherSpelling]) {
    if (compareCheaply(pair)?.differences.length !== 1) throw new Error(`${shape}: not one difference`);
  }
  if (compareCheaply(equalBytes)?.outcome !== "match") throw new Error(`${shape}: equal bytes do not match`);
}

/** Microseconds a call. */
function time(call: () => unknown): number {
  const began = performance.now();
  for (let i = 0; i < CALLS; i++) call();
  return ((performance.now() - began) / CALLS) * 1000;
}

interface Round {
  readonly parse: number;
  readonly oneField: number;
  readonly equalBytes: number;
  readonly otherSpelling: number;
}

function measure({ texts, oneField, equalBytes, otherSpelling }: Prepared): Round {
  return {
    parse: time(() => texts.map((text) => JSON.parse(text) as unknown)),
    oneField: time(() => compareCheaply(oneField)),
    equalBytes: time(() => compareCheaply(equalBytes)),
    otherSpelling: time(() => compareCheaply(otherSpelling)),
  };
}

process.once("disconnect", () => process.exit());
const rounds = Number(process.argv[2]);
const all = [...documentsOf(BYTES)].map(([shape, text]) => prepare(shape, text));
for (const prepared of all) check(prepared);
// All shapes before any is measured: a proxy's code is compiled for all of them.
for (let i = 0; i < 3; i++) for (const prepared of all) measure(prepared);
const measured = new Map<Prepared, Round[]>(all.map((prepared) => [prepared, []]));
for (let round = 0; round < rounds; round++) for (const [prepared, own] of measured) own.push(measure(prepared));
const costs = [...measured].map(([{ shape, texts }, own]): CompareCost => {
  const ratio = (of: (round: Round) => number): number => medianOf(own.map((round) => of(round) / round.parse));
  return {
    shape,
    bytes: Buffer.byteLength(texts[0]),
    parseMicros: medianOf(own.map(({ parse }) => parse)),
    oneField: ratio((round) => round.oneField),
    equalBytes: ratio((round) => round.equalBytes),
    otherSpelling: ratio((round) => round.otherSpelling),
  };
});
console.log(JSON.stringify(costs));
process.disconnect?.();

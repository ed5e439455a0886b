/** Medians over the rounds, ratios, and how both are shown. */
import { cpus, release, totalmem, type } from "node:os";
import type { ContenderName } from "./contenders.ts";
import type { Kind } from "./traffic.ts";

/** One contender under load for some seconds. */
export interface Sample {
  readonly contender: ContenderName;
  readonly kind: Kind;
  /** Of the contender's own process, delivery of copies included. */
  readonly cpuMicrosPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  /** Copies that reached next, of the writes that legacy got. */
  readonly mirroredShare: number;
}

export type Row = Omit<Sample, "errors"> & {
  readonly errors: number;
  readonly cpuSpread: readonly [least: number, most: number];
};

export function rowsOf(samples: readonly Sample[]): readonly Row[] {
  const groups = Map.groupBy(samples, ({ contender, kind }) => `${kind} ${contender}`);
  return [...groups.values()].map((group) => {
    const [first] = group as [Sample];
    const of = (value: (sample: Sample) => number): number => median(group.map(value));
    const cpu = group.map((sample) => sample.cpuMicrosPerRequest);
    return {
      contender: first.contender,
      kind: first.kind,
      cpuMicrosPerRequest: median(cpu),
      cpuSpread: [Math.min(...cpu), Math.max(...cpu)],
      requestsPerSecond: of((sample) => sample.requestsPerSecond),
      p50: of((sample) => sample.p50),
      p99: of((sample) => sample.p99),
      errors: group.reduce((sum, sample) => sum + sample.errors, 0),
      mirroredShare: of((sample) => sample.mirroredShare),
    };
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export function table(rows: readonly Row[]): string {
  const head = ["what", "CPU us/request", "(least-most)", "req/s", "p50 ms", "p99 ms", "copies", "errors"];
  const lines = rows.map((row) => [
    `${row.kind} ${row.contender}`,
    row.cpuMicrosPerRequest.toFixed(1),
    row.cpuSpread.map((value) => value.toFixed(0)).join("-"),
    String(Math.round(row.requestsPerSecond)),
    row.p50.toFixed(2),
    row.p99.toFixed(2),
    row.mirroredShare === 0 ? "" : `${(row.mirroredShare * 100).toFixed(1)} %`,
    String(row.errors),
  ]);
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The bars that this bench can see, each as Crossfade's CPU against another row's. */
const BARS: readonly (readonly [kind: Kind, against: ContenderName, bar: number])[] = [
  ["GET", "raw limit", 1.15],
  ["GET", "stock @fastify/http-proxy", 0.65],
  ["POST", "raw limit of the job", 1.3],
  ["POST", "stock @fastify/http-proxy", 1.0],
];

export function ratios(rows: readonly Row[]): string {
  const lines = BARS.map(([kind, against, bar]) => {
    const cpu = (name: ContenderName): number =>
      rows.find((row) => row.kind === kind && row.contender === name)?.cpuMicrosPerRequest ?? Number.NaN;
    const doing = kind === "GET" ? "passing a read through" : "mirroring and comparing a write";
    return `| ${doing} | ${against} | ${(cpu("Crossfade") / cpu(against)).toFixed(2)} | ${bar.toFixed(2)} |`;
  });
  return ["| CPU of Crossfade for | against | ratio | bar |", "| --- | --- | --- | --- |", ...lines].join("\n");
}

export interface Machine {
  readonly node: string;
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
}

export function machine(): Machine {
  const processors = cpus();
  return {
    node: process.versions.node,
    system: `${type()} ${release()}`,
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

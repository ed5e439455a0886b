/** The main table: medians over the rounds, what they mean against the bars, and how both are shown. */
import type { ContenderName } from "./contenders.ts";
import type { OpenLoadResult } from "./open-load.ts";
import { type Part, table } from "./report.ts";
import { medianOf } from "./statistics.ts";
import type { Kind } from "./traffic.ts";

/** One contender at saturation for some seconds. */
export interface Sample {
  readonly contender: ContenderName;
  readonly kind: Kind;
  /** Of the contender's own processes, delivery of copies included. */
  readonly cpuMicrosPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  /** Copies that reached next, of the writes that legacy got; null where none are made. */
  readonly mirroredShare: number | null;
}

export interface OpenSample extends OpenLoadResult {
  readonly contender: ContenderName;
  readonly kind: Kind;
  readonly rate: number;
}

interface Row {
  readonly contender: ContenderName;
  readonly kind: Kind;
  readonly cpu: number;
  readonly requestsPerSecond: number;
  readonly cells: readonly string[];
}

interface Measured {
  readonly samples: readonly Sample[];
  readonly openSamples: readonly OpenSample[];
  readonly about: string;
  readonly notes: readonly string[];
}

export function sectionsOf({ samples, openSamples, about, notes }: Measured): Pick<Part, "sections" | "bars"> {
  const rows = rowsOf(samples, openSamples);
  const head = [
    "what",
    "CPU us/request",
    "(least-most)",
    "req/s",
    "p50 ms",
    "p99 ms",
    "copies",
    "open loop",
    "p50 ms",
    "p99 ms",
    "errors",
  ];
  const bars = barsOf(rows);
  const speedUps = speedUpsOf(rows);
  return {
    bars,
    sections: [
      {
        title: "What a request costs",
        lines: [
          about,
          "",
          table(
            head,
            rows.map(({ cells }) => cells),
          ),
          "",
          ...[...notes, ...speedUps].map((note) => `- ${note}`),
        ],
      },
    ],
  };
}

function rowsOf(samples: readonly Sample[], openSamples: readonly OpenSample[]): readonly Row[] {
  const groups = Map.groupBy(samples, ({ contender, kind }) => `${kind} ${contender}`);
  return [...groups.entries()].map(([name, group]) => {
    const { contender, kind } = group[0] as Sample;
    const open = openSamples.filter((sample) => sample.contender === contender && sample.kind === kind);
    const cpu = group.map((sample) => sample.cpuMicrosPerRequest);
    const requestsPerSecond = medianOf(group.map((sample) => sample.requestsPerSecond));
    const shares = group.map(({ mirroredShare }) => mirroredShare).filter((share) => share !== null);
    const errors = [...group, ...open].reduce((sum, sample) => sum + sample.errors, 0);
    const held = medianOf(open.map(({ heldShare }) => heldShare));
    const cells = [
      name,
      medianOf(cpu).toFixed(1),
      `${Math.min(...cpu).toFixed(0)}-${Math.max(...cpu).toFixed(0)}`,
      String(Math.round(requestsPerSecond)),
      medianOf(group.map(({ p50 }) => p50)).toFixed(2),
      medianOf(group.map(({ p99 }) => p99)).toFixed(2),
      shares.length === 0 ? "" : `${(medianOf(shares) * 100).toFixed(1)} %`,
      `${(held * 100).toFixed(1)} % of ${open[0]?.rate ?? 0}/s`,
      medianOf(open.map(({ p50 }) => p50)).toFixed(2),
      medianOf(open.map(({ p99 }) => p99)).toFixed(2),
      String(errors),
    ];
    return { contender, kind, cpu: medianOf(cpu), requestsPerSecond, cells };
  });
}

interface BarOf {
  readonly what: string;
  /** Default: Crossfade as it comes. */
  readonly own?: ContenderName;
  readonly kind: Kind;
  readonly of: "cpu" | "requestsPerSecond";
  readonly against: ContenderName;
  readonly bound: number;
}

const BARS: readonly BarOf[] = [
  { what: "P1 CPU of a read passed through", kind: "GET", of: "cpu", against: "raw limit", bound: 1.15 },
  {
    what: "P1 CPU of a read passed through",
    kind: "GET",
    of: "cpu",
    against: "stock @fastify/http-proxy",
    bound: 0.65,
  },
  {
    what: "P2 CPU of a write mirrored, compared, accounted (no journal)",
    own: "Crossfade, journal off",
    kind: "POST",
    of: "cpu",
    against: "raw limit of the job",
    bound: 1.15,
  },
  {
    what: "P2 CPU of the same, journaled",
    kind: "POST",
    of: "cpu",
    against: "raw limit of the job",
    bound: 1.3,
  },
  { what: "P6 CPU of the same", kind: "POST", of: "cpu", against: "Crossfade, journal off", bound: 1.15 },
  { what: "P2 req/s of the same", kind: "POST", of: "requestsPerSecond", against: "nginx + mirror", bound: 0.85 },
  {
    what: "P2 CPU of the same, where we want to end",
    kind: "POST",
    of: "cpu",
    against: "stock @fastify/http-proxy",
    bound: 1.0,
  },
  ...(["GET", "POST"] as const).map((kind) => ({
    what: `P7 CPU of ${kind === "GET" ? "a read" : "a mirrored write"} with --workers 2`,
    own: "Crossfade, 2 workers" as const,
    kind,
    of: "cpu" as const,
    against: "Crossfade, 1 worker" as const,
    bound: 1.1,
  })),
];

function barsOf(rows: readonly Row[]): Part["bars"] {
  return BARS.flatMap(({ what, own: name = "Crossfade", kind, of, against, bound }) => {
    const value = (wanted: ContenderName): number | undefined =>
      rows.find((row) => row.kind === kind && row.contender === wanted)?.[of];
    const [own, other] = [value(name), value(against)];
    if (own === undefined || other === undefined) return [];
    const sign = of === "cpu" ? ("<=" as const) : (">=" as const);
    return [{ what: `${what}, against ${against}`, measured: own / other, sign, bound, unit: "x" }];
  });
}

/** What further processes bring, and what they cost. */
function speedUpsOf(rows: readonly Row[]): readonly string[] {
  const of = (contender: ContenderName, kind: Kind): Row | undefined =>
    rows.find((row) => row.contender === contender && row.kind === kind);
  return (["GET", "POST"] as const).flatMap((kind) => {
    const two = of("Crossfade, 2 workers", kind);
    return (["Crossfade, 1 worker", "Crossfade"] as const).flatMap((name) => {
      const other = of(name, kind);
      if (two === undefined || other === undefined) return [];
      const times = (two.requestsPerSecond / other.requestsPerSecond).toFixed(2);
      return [
        `${kind}: 2 workers serve ${times} x the requests of ${name}, for ${(two.cpu / other.cpu).toFixed(2)} x the CPU of each`,
      ];
    });
  });
}

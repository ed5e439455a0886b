import { METHODS } from "node:http";
import type { TelemetrySettings } from "../../proxy/config/settings.ts";
import { makeUlid } from "../../proxy/identity.ts";
import type { Gauges, Telemetry } from "../../proxy/ports.ts";
import type { TelemetryHealth } from "../../proxy/process/telemetry-health.ts";
import { CellCounter, CellHistogram } from "./cells.ts";
import type { Exposition } from "./exposition.ts";
import { openSending } from "./sending.ts";

export interface TelemetryAdapter {
  readonly telemetry: Telemetry;
  /** Where the gauges read from when they are scraped; the last one given counts. */
  observe(gauges: () => Gauges): void;
  /** Everything in Prometheus' text format 0.0.4. */
  metricsText(): Promise<string>;
  /** A line of the process's own log, as pino writes it. Never throws. */
  logLine(line: string): void;
  /** Sends, from now on, what has waited since it was made. Before that nothing of the SDK is loaded. */
  begin(): void;
  /** null: nothing is sent anywhere. */
  health(): TelemetryHealth | null;
  /** Sends what waits, within a second. */
  close(): Promise<void>;
}

export interface TelemetryOptions {
  readonly version: string;
  /** null, and by default: nothing is sent. */
  readonly settings?: TelemetrySettings | null;
}

/** Seconds. Below 5 ms finer than the semantic conventions advise: what a proxy adds is found there. */
const REQUEST_BOUNDARIES = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const COMPARE_BOUNDARIES = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

const REPAIR_BOUNDARIES = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600];

/** Names of the semantic conventions, written out: their package is 9.7 MB. */
const METHOD = "http.request.method";
const STATUS = "http.response.status_code";
const SCOPE = "crossfade";

/**
 * Metrics over OpenTelemetry, read by Prometheus. Every attribute comes from a closed set: route names of the config,
 * methods that Node knows (others are `_OTHER`), status codes, and the closed lists of outcome.ts and evidence.ts.
 */
export function createTelemetry(options: TelemetryOptions): TelemetryAdapter {
  const served = new CellHistogram(
    {
      name: "http.server.request.duration",
      description: "Client requests, from the arrival of the head to the last byte of the answer",
      unit: "s",
      attributes: ["route", METHOD, STATUS],
    },
    REQUEST_BOUNDARIES,
  );
  const sent = new CellHistogram(
    {
      name: "http.client.request.duration",
      description: "Requests to the services; without a status code where no complete answer came",
      unit: "s",
      attributes: ["crossfade.leg", "route", STATUS],
    },
    REQUEST_BOUNDARIES,
  );
  const compared = new CellHistogram(
    {
      name: "crossfade.compare.duration",
      description: "Time spent comparing one pair of answers",
      unit: "s",
      attributes: [],
    },
    COMPARE_BOUNDARIES,
  );
  const exchanges = new CellCounter({
    name: "crossfade.exchanges",
    description: "Eligible exchanges by outcome",
    unit: "{exchange}",
    attributes: ["route", "phase", "outcome", "reason"],
  });
  const shadowFailures = new CellCounter({
    name: "dual_write_shadow_failures",
    description: "Shadow requests that failed",
    unit: "{request}",
    attributes: ["route", "reason"],
  });
  const differences = new CellCounter({
    name: "crossfade.differences",
    description: "Places where two answers disagreed and no rule excused it",
    unit: "{difference}",
    attributes: ["route", "kind"],
  });
  const repaired = new CellCounter({
    name: "crossfade.repairs.ended",
    description: "Attempts to make a key of the repair list equal, by what came of them",
    unit: "{key}",
    attributes: ["route", "result"],
  });
  const repairAge = new CellHistogram(
    {
      name: "crossfade.repairs.age",
      description: "How long keys were on the repair list before both services held the same",
      unit: "s",
      attributes: ["route"],
    },
    REPAIR_BOUNDARIES,
  );
  const secondReads = new CellCounter({
    name: "crossfade.noise.second_reads",
    description: "Safe reads chosen to be asked of the primary twice, by what came of it",
    unit: "{read}",
    attributes: ["route", "result"],
  });
  const mappedForClients = new CellCounter({
    name: "crossfade.client.mapped",
    description: "Clients' requests, and answers to them, that lean on what their primary calls otherwise",
    unit: "{message}",
    attributes: ["route", "of", "result"],
  });
  const dialledReads = new CellCounter({
    name: "crossfade.dial.reads",
    description: "Reads that fell to next while legacy was the primary, by who answered them in the end",
    unit: "{read}",
    attributes: ["route", "result"],
  });
  const fallbackReads = new CellCounter({
    name: "crossfade.fallback.reads",
    description: "Reads of entities that next, as the primary, had not, by what legacy had of them",
    unit: "{read}",
    attributes: ["route", "result"],
  });
  const copiesForward = new CellCounter({
    name: "crossfade.fallback.copies",
    description: "Entities that legacy had and next had not, by what became of bringing them over",
    unit: "{entity}",
    attributes: ["route", "result"],
  });
  const readBacks = new CellCounter({
    name: "crossfade.read_backs",
    description: "Mirrored writes whose entity was read at both services afterwards, by what came of it",
    unit: "{write}",
    attributes: ["route", "result"],
  });
  const reloads = new CellCounter({
    name: "crossfade.config.reloads",
    description: "Changed config files, by whether they were taken",
    unit: "{reload}",
    attributes: ["result"],
  });
  const sentItems = new CellCounter({
    name: "crossfade.telemetry.items",
    description: "Spans, log records and collections of metrics for the collector, by what became of them",
    unit: "{item}",
    attributes: ["signal", "result"],
  });
  // Both results exist from the start, so that the first refusal is an increase and not a new series.
  for (const result of ["applied", "refused"]) reloads.add(0, result);

  const startedAt = Date.now();
  const scope = { name: SCOPE, version: options.version };
  const instance = makeUlid(startedAt);
  let gauges: (() => Gauges) | null = null;
  let exposition: Promise<Exposition> | null = null;
  const { settings = null } = options;
  const sending =
    settings === null || Object.values(settings.urls).every((url) => url === null)
      ? null
      : openSending(settings, (signal, result, count) => sentItems.add(count, signal, result));
  /** OpenTelemetry's SDK takes as long to load as a fifth of the whole start: it comes when somebody first asks. */
  const opened = (): Promise<Exposition> => (exposition ??= load());

  async function load(): Promise<Exposition> {
    const [{ openExposition }, { resourceOf }] = await Promise.all([
      import("./exposition.ts"),
      import("./resource.ts"),
    ]);
    const resource = resourceOf(scope, instance);
    const connect = sending === null ? null : await sending.load(resource, scope);
    const counters = [
      exchanges,
      shadowFailures,
      differences,
      repaired,
      secondReads,
      mappedForClients,
      dialledReads,
      fallbackReads,
      copiesForward,
      readBacks,
      reloads,
      sentItems,
    ];
    const histograms = [served, sent, compared, repairAge];
    const exposed = { scope, resource, startedAt, counters, histograms, gauges: () => gauges?.() ?? null };
    return openExposition(exposed, (producers) => (connect === null ? null : connect(producers)));
  }

  return {
    telemetry: {
      ...(sending?.telemetry ?? NOTHING_SENT),
      serverRequest: (route, method, status, ms) => served.record(ms, route, knownMethod(method), knownStatus(status)),
      clientRequest: (leg, route, status, ms) =>
        sent.record(ms, leg, route, status === null ? null : knownStatus(status)),
      outcome: (route, phase, outcome, reason) => exchanges.add(1, route, phase, outcome, reason),
      shadowFailure: (route, reason) => shadowFailures.add(1, route, reason),
      difference: (route, kind) => differences.add(1, route, kind),
      compared: (ms) => compared.record(ms),
      repaired(route, result, ageMs) {
        repaired.add(1, route, result);
        if (ageMs !== null) repairAge.record(ageMs, route);
      },
      secondRead: (route, result) => secondReads.add(1, route, result),
      mappedForClient: (route, of, result, times) => mappedForClients.add(times, route, of, result),
      dialledRead: (route, result, times) => dialledReads.add(times, route, result),
      fallbackRead: (route, result, times) => fallbackReads.add(times, route, result),
      copiedForward: (route, result) => copiesForward.add(1, route, result),
      readBack: (route, result) => readBacks.add(1, route, result),
      configReload: (result) => reloads.add(1, result),
    },
    observe(read) {
      gauges = read;
    },
    async metricsText() {
      return await (await opened()).metricsText();
    },
    logLine: (line) => sending?.logLine(line),
    begin() {
      // Whoever asks for the metrics is told what went wrong.
      if (sending !== null) void opened().catch(() => undefined);
    },
    health: () => sending?.health() ?? null,
    async close() {
      if (sending !== null) void opened();
      const all = await exposition?.catch(() => null);
      if (all === undefined || all === null) return;
      if (sending === null) await all.close();
      else await sending.close(all.close());
    },
  };
}

const NOTHING_SENT: Pick<Telemetry, "span" | "spansLost" | "divergence"> = {
  span: () => undefined,
  spansLost: () => undefined,
  divergence: () => undefined,
};

const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);

function knownMethod(method: string): string {
  return KNOWN_METHODS.has(method) ? method : "_OTHER";
}

/** A status is three digits; what a service invents beyond that must not make series. */
function knownStatus(status: number): number | null {
  return status >= 100 && status <= 999 ? Math.trunc(status) : null;
}

/** An explanation in sentences, for a terminal of 80 columns. */
import type { Plan } from "../exchange.ts";
import { namedRules } from "../evidence/rule-names.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import type { Explanation, LocatorExplained, RouteExplained } from "./explain.ts";
import type { Origin, RouteField, RouteOrigins } from "./resolve.ts";
import { MAX_BATCH_KEYS } from "./settings.ts";
import { spellDuration, spellShare } from "./units.ts";

const COLUMNS = 80;

export function formatExplanation(explanation: Explanation): readonly string[] {
  const { method, target, host, route, passed, legacyOrigin } = explanation;
  const request = `${method} ${target}${host === "" ? "" : ` (host ${host})`}`;
  if (route === null) {
    return [
      ...wrap(`${request} matches no route: it goes to legacy (${legacyOrigin}) and is not mirrored.`, 0),
      ...passedLines(passed, "Routes asked"),
    ];
  }
  return [
    ...wrap(
      `${request} is a ${route.requestClass} of route ${route.name} (number ${route.position + 1}: ${route.match}).`,
      0,
    ),
    ...caughtLines(route),
    ...passedLines(passed, "Routes before it"),
    ...wrap(phaseSentence(route), 0),
    ...wrap(mirrorSentence(route), 0),
    ...markLines(route),
    ...dialLines(route),
    ...fallbackLines(route),
    ...reachLines(route),
    ...keyLines(route),
    ...compareLines(route),
    ...transformLines(route),
    ...valueLines(route),
    ...repairLines(route),
    ...gateLines(route),
    ...originLines(route.origins),
  ];
}

function caughtLines({ params, rest }: RouteExplained): readonly string[] {
  const caught = Object.entries(params).map(([name, value]) => `:${name} is ${value}`);
  if (rest.length > 0) caught.push(`** is ${rest.join("/")}`);
  return caught.length === 0 ? [] : wrap(`${caught.join(", ")}.`, 2);
}

function passedLines(passed: Explanation["passed"], heading: string): readonly string[] {
  if (passed.length === 0) return [];
  // The nearest ones are those that somebody wonders about.
  const shown = passed.slice(-10);
  const more = passed.length - shown.length;
  return [
    `${heading} do not match:`,
    ...(more > 0 ? [`  (${more} more)`] : []),
    ...shown.flatMap(({ route, why }) => wrap(`${route}: ${why}`, 2)),
  ];
}

function phaseSentence({ phase, primary, shadow }: RouteExplained): string {
  const copies = shadow === null ? "nobody gets copies" : `${shadow.service} (${shadow.origin}) is its shadow`;
  return `Phase ${phase}: ${primary.service} (${primary.origin}) answers the client, ${copies}.`;
}

function mirrorSentence(route: RouteExplained): string {
  const { plan, shadow, when, requestClass } = route;
  if (plan.mirror) {
    const name = shadow?.service ?? plan.shadow;
    if (route.isGraphql && requestClass === "write")
      return `Mirrored: a copy goes to ${name} once ${route.primary.service} has accepted it, unless its body holds queries alone.`;
    if (requestClass === "read") return `Mirrored: a copy goes to ${name}, ${sampleWords(route)}.`;
    if (when === "always") return `Mirrored: a copy goes to ${name}, whatever ${route.primary.service} answers.`;
    return `Mirrored: a copy goes to ${name} once ${route.primary.service} has accepted it (2xx, 302, 303).`;
  }
  return `Not mirrored: ${notMirroredWords(plan, route)}.`;
}

function notMirroredWords(plan: Extract<Plan, { readonly mirror: false }>, route: RouteExplained): string {
  switch (plan.why) {
    case "phase-does-not-mirror":
      return `phase ${route.phase} has no shadow`;
    case "writes-off":
      return route.sharedDatabase
        ? "both services use one database (sharedDatabase), in which it would be applied a second time"
        : "mirror.writes is false";
    case "reads-off":
      return "mirror.reads is 0%";
    case "read-not-sampled":
      return sampleWords(route);
    case "mirroring-off":
      return "all mirroring is switched off";
    case "no-route":
      return "no route matches";
  }
}

function sampleWords({ readShare, sampleAt }: RouteExplained): string {
  const share = `mirror.reads is ${spellShare(readShare)}`;
  return sampleAt === null ? share : `${share}, and this entity falls at ${sampleAt}%`;
}

function markLines({ marks }: RouteExplained): readonly string[] {
  if (marks.length === 0) return [];
  const headers = marks.map(([name, value]) => `${name}: ${value}`).join(", ");
  return wrap(`Marked: both services get it with ${headers}, in place of the client's own (marks of a collection).`, 0);
}

function dialLines({ dial, shadow, primary }: RouteExplained): readonly string[] {
  if (dial === null || shadow === null) return [];
  const where = dial.at >= 100 ? "it is not dialled" : `it falls at ${dial.at}%`;
  const who = dial.isDialled
    ? `${shadow.service} answers, unless a write that it may be about is not confirmed there, or it gives no answer below 400: then ${primary.service} does`
    : `${primary.service} answers`;
  return wrap(`Dial: ${spellShare(dial.share)} by ${dial.by}; ${where}, so that ${who}.`, 0);
}

function fallbackLines({ fallback, shadow, primary }: RouteExplained): readonly string[] {
  if (fallback === null || shadow === null) return [];
  const [next, legacy] = [primary.service, shadow.service];
  if (!fallback.isWhole) {
    return wrap(`Fallback: none, as it is not a GET or HEAD of one whole entity: ${next} alone answers.`, 0);
  }
  const { whyNotCopied } = fallback;
  const copied =
    whyNotCopied === null
      ? `what ${legacy} has is brought over, and writes of its key wait for that`
      : `what ${legacy} has is not brought over: ${whyNotCopied}`;
  return wrap(
    `Fallback: where ${next} answers 404 ${legacy} is asked, unless a write of it is not confirmed there; ${copied}. It ends with a comparison of all rows that finds them equal.`,
    0,
  );
}

/** What may end a request that the service itself would have answered. */
function reachLines({ services }: RouteExplained): readonly string[] {
  return services.flatMap(({ name, tls, asPrimary, asShadow }, i) => {
    const [role, limits] = i === 0 ? ["primary", asPrimary] : ["shadow", asShadow];
    const secure = tls === "plain" ? "" : `TLS (${tls}), `;
    return wrap(`Reaching ${name} as ${role}: ${secure}${limits}.`, 0);
  });
}

function keyLines(route: RouteExplained): readonly string[] {
  const late = route.locators.find(({ yields }) => yields.kind !== "nothing" && yields.kind !== "key");
  const prefix = route.entity === null ? "the path's first part" : route.entity;
  const sentence =
    route.key !== null
      ? `Entity key: ${route.key} (prefix: ${prefix}).`
      : late !== undefined
        ? `Entity key: known once body or answer are there (prefix: ${prefix}).`
        : "Entity key: none; all such writes of the route share one lane.";
  const batch =
    route.batch.length === 0
      ? []
      : [
          ...wrap(
            `Batch: all keys that are found here, at most ${MAX_BATCH_KEYS}, are waited for; if none is, the entity key counts.`,
            0,
          ),
          ...route.batch.flatMap((locator) => wrap(`- ${locatorWords(locator)}`, 2)),
        ];
  return [
    ...batch,
    ...wrap(sentence, 0),
    ...route.locators.flatMap((locator, i) => wrap(`${i + 1}. ${locatorWords(locator)}`, 2)),
    ...(route.touches.length === 0 ? [] : wrap(`A write touches too: ${route.touches.join(", ")}.`, 0)),
  ];
}

function locatorWords({ locator, yields }: LocatorExplained): string {
  switch (yields.kind) {
    case "key":
      return `${locator} yields ${yields.key}`;
    case "nothing":
      return `${locator} yields nothing here`;
    case "body":
      return `${locator} is known with the request's body`;
    case "answer":
      return `${locator} is known with the answer`;
  }
}

function compareLines({ compare, redact, redactDetect }: RouteExplained): readonly string[] {
  const headers = compare.headers.length === 0 ? "no headers" : `headers ${compare.headers.join(", ")}`;
  const places = [...redact, ...redactDetect.map((detector) => `any ${detector}`)];
  const redacted = places.length === 0 ? [] : wrap(`Redacted beyond the built-in list: ${places.join(", ")}.`, 0);
  return [
    ...wrap(`Compared: status (${compare.status}), ${headers}, bodies.`, 0),
    ...(compare.mustMatch.length === 0
      ? []
      : wrap(`must match, whatever the rules: ${compare.mustMatch.join(", ")}`, 2)),
    ...namedRules(compare).flatMap(({ kind, name, rule: { because, until } }) => {
      const end = until === null ? [] : [`until ${new Date(until).toISOString().slice(0, 10)}`];
      const why = [...(because === null ? [] : [because]), ...end].join(", ");
      const said = kind === "ignore" ? `excused: ${name.slice("ignore ".length)}` : name;
      return wrap(why === "" ? said : `${said} (${why})`, 2);
    }),
    ...(compare.module === null
      ? []
      : wrap(`by the functions of ${compare.module.file}: ${compare.module.hooks.join(", ")}`, 2)),
    ...noiseLines(compare),
    ...redacted,
  ];
}

function transformLines({ atNext, reshaped, phase, primary, shadow }: RouteExplained): readonly string[] {
  const answersClients = PHASE_ROLES[phase].primary === "next";
  const next = answersClients ? primary : shadow;
  if (next === null) return [];
  const of = answersClients ? "what clients ask" : "copies";
  return [
    ...(atNext === null ? [] : wrap(`Path at ${next.service}: ${atNext}.`, 0)),
    ...(reshaped.length === 0 ? [] : wrap(`Transform: of ${of}, and back in what next answers:`, 0)),
    ...reshaped.flatMap((line) => wrap(line, 2)),
  ];
}

function valueLines({ phase, values: { learn, apply, give, find, unmapped } }: RouteExplained): readonly string[] {
  if (learn.length + apply.length + give.length === 0) return [];
  const unknown = unmapped === "pass" ? "is sent as it is" : "keeps the copy from being sent";
  return [
    ...wrap(`Values: a shadow gets its own; one that has no partner and that no earlier write makes ${unknown}.`, 0),
    ...learn.flatMap((place) => wrap(`learnt: ${place}`, 2)),
    ...apply.flatMap((place) => wrap(`applied: ${place}`, 2)),
    ...give.flatMap((given) => wrap(`given to creates: ${given}`, 2)),
    ...(find === null ? [] : wrap(`looked up before a repair makes it at the shadow: ${find}`, 2)),
    ...(PHASE_ROLES[phase].primary === "next" && learn.length + apply.length > 0
      ? wrap("Clients keep the values that legacy gave them: next is asked and answers with its own.", 2)
      : []),
  ];
}

function repairLines({ readBack, readBackShare: share, repair, shadow }: RouteExplained): readonly string[] {
  if (readBack === null || shadow === null) return [];
  if (readBack.readBack === null) return wrap(`Repair: not by state: ${readBack.why}.`, 0);
  const how = readBack.how === "declared" ? "verify.readBack" : "derived from the path";
  const when = repair.automatic ? "by itself" : "by crossfade repair";
  const verified =
    share === 0 ? "" : ` ${spellShare(share)} of mirrored writes are read back so once they have settled.`;
  return wrap(
    `Repair: ${readBack.readBack} on both services (${how}); ${shadow.service} is written to ${when} (${repair.write}, ${repair.ratePerSecond}/s).${verified}`,
    0,
  );
}

function noiseLines({ noise, module }: RouteExplained["compare"]): readonly string[] {
  const learnt = [
    ...(noise.readShare === 0 ? [] : [`${spellShare(noise.readShare)} of safe reads go to the primary twice`]),
    ...(noise.comparedShare === 0
      ? []
      : [`the places of ${spellShare(noise.comparedShare)} of compared exchanges are counted`]),
  ];
  if (learnt.length === 0) return [];
  if (module !== null) return wrap("Noise: nothing is learnt, because a module takes part in the comparison.", 0);
  return wrap(`Noise: ${learnt.join("; ")}.`, 0);
}

function gateLines({ gate, retire }: RouteExplained): readonly string[] {
  const { profile, divergenceBelow, confidence, spanMs, latencyRatioBelow } = gate;
  const bound = `fewer than ${spellShare(divergenceBelow)} divergent, ${spellShare(confidence)} sure`;
  const rest = `over ${spellDuration(spanMs)} or more, at less than ${latencyRatioBelow} times the latency`;
  return [
    ...wrap(`Gate (${profile}): ${bound}, ${rest}.`, 0),
    ...wrap(`Legacy can go once nothing has leant on it for ${spellDuration(retire.quietMs)}.`, 0),
  ];
}

/** Precedence of every setting; kill switch and overrides live in the running process. */
function originLines(origins: RouteOrigins | null): readonly string[] {
  const precedence =
    "Precedence: kill switch > CLI/API override > route > defaults > built-in. The first two belong to a running proxy: crossfade status shows them.";
  if (origins === null) return wrap(precedence, 0);
  const from = (origin: Origin): readonly string[] =>
    (Object.keys(origins) as RouteField[]).filter((field) => origins[field] === origin);
  const line = (origin: Origin): readonly string[] => {
    const fields = from(origin);
    return fields.length === 0 ? [] : wrap(`${origin}: ${fields.join(", ")}`, 2);
  };
  return [...wrap(precedence, 0), ...line("route"), ...line("defaults"), ...line("built-in")];
}

/** Breaks at spaces; what follows the first line stands two columns further in. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = " ".repeat(indent);
  let empty = true;
  for (const word of text.split(" ")) {
    if (!empty && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = " ".repeat(indent + 2);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line);
  return lines;
}

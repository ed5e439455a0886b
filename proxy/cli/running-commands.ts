/** The commands that ask a running Crossfade, or change something at it. */
import { Argument, type Command, Option } from "commander";
import type { ExportRoutingOptions } from "./export-routing.ts";
import type { GateOptions } from "./gate.ts";
import type { ForgetOptions, InstancesOptions } from "./instances.ts";
import type { MirrorOptions, MirrorState } from "./mirror.ts";
import { type Ended, example, EXPORT_FORMATS, limitOption, sinceOption, withApi } from "./options.ts";
import type { PhaseOptions, PhaseStep } from "./phase.ts";
import type { RecompareOptions } from "./recompare.ts";
import type { RepairOptions } from "./repair.ts";
import type { ReplayOptions } from "./replay.ts";
import type { RetireOptions } from "./retire.ts";
import type { StatusOptions } from "./status.ts";
import type { SuggestOptions } from "./suggest.ts";
import type { ValuesOptions } from "./values.ts";

/** What it does and how it stands. */
export function addOperation(program: Command, ended: Ended): void {
  withApi(program.command("status"))
    .summary("a line for each route, what is wrong first")
    .description("Shows how a running Crossfade fares. Exit code 1: a route diverges, or it is not ready.")
    .option("--watch", "show it again every 2 s until Ctrl-C")
    .addHelpText("after", example("crossfade status --watch"))
    .action(async (options: StatusOptions) => ended(await (await import("./status.ts")).runStatus(options)));

  withApi(program.command("mirror"))
    .addArgument(
      new Argument("<state>", "on, off, or unpin: back to what the file says").choices(["on", "off", "unpin"]),
    )
    .summary("switch mirroring on or off while it runs")
    .description(
      "Without --route the kill switch: off, nothing is mirrored, whatever else is set; on, it is as before. With --route what of it is mirrored, over the file, until it is unpinned. It is kept over a restart, shown in status, and told in the audit. While writes are kept from a shadow the route has a gap. Exit code 1: there is no such route.",
    )
    .option("--route <name>", "only this route")
    .option("--reads <share>", "of --route: also copy this share of its reads (5%)")
    .option("--dial <share>", "of --route: let next answer this share of its reads (5%)")
    .option("--reason <text>", "why; kept and shown")
    .addHelpText(
      "after",
      example(
        'crossfade mirror off --reason "next is on fire"',
        "crossfade mirror on",
        "crossfade mirror on --route users --reads 5%",
        "crossfade mirror on --route users --dial 5%",
        "crossfade mirror unpin --route users",
      ),
    )
    .action(async (state: MirrorState, options: MirrorOptions) =>
      ended(await (await import("./mirror.ts")).runMirror(state, options)),
    );

  withApi(program.command("gate <route>"))
    .summary("whether a route may be cut over, and what is missing")
    .description(
      "Says whether the evidence is enough to make next the primary of a route, what is missing, and about how long it takes at the present rate. Nothing is changed. Exit code 0: the gate is open; 1: it is shut, or there is no such route.",
    )
    .addHelpText("after", example("crossfade gate users", "crossfade gate users --json"))
    .action(async (route: string, options: GateOptions) =>
      ended(await (await import("./gate.ts")).runGate(route, options)),
    );

  withApi(program.command("phase <route>"))
    .addArgument(
      new Argument("[step]", "advance, rollback, or unpin: back to what the file says").choices([
        "advance",
        "rollback",
        "unpin",
      ]),
    )
    .summary("where a route stands, and its move to the next phase or back")
    .description(
      "Moves a route, and those that move together with it, one phase on or back. Where that makes the other service the source of truth, the gate has to be open, new writes are held back until those under way have ended, and they go on at the new one: nothing is lost and nothing is written to a wrong side. Exit code 1: it was not moved, or there is no such route.",
    )
    .option("--dry-run", "look at everything and say how long writes would be held back; nothing is changed")
    .option(
      "--force",
      "although the gate is shut, keys are on the repair list, there are gaps, or something leans on legacy; needs --reason",
    )
    .option("--reason <text>", "why; kept in the audit")
    .addHelpText(
      "after",
      example(
        "crossfade phase users",
        "crossfade phase users advance --dry-run",
        "crossfade phase users advance",
        'crossfade phase users rollback --reason "prices are wrong"',
      ),
    )
    .action(async (route: string, step: PhaseStep | undefined, options: PhaseOptions) =>
      ended(await (await import("./phase.ts")).runPhase(route, step, options)),
    );
}

/** For the day on which Crossfade is taken out. */
export function addExit(program: Command, ended: Ended): void {
  withApi(program.command("retire [route]"))
    .summary("what still leans on legacy or on Crossfade")
    .description(
      "Says of a route, or of each, whether legacy can be switched off and Crossfade taken out: whether anything has leant on either for as long as retire.quiet asks for (reads answered by legacy, requests that no route takes, keys put on the repair list, gaps, requests translated for their clients). Nothing is changed. Exit code 0: nothing leans on either; 1: something does, or there is no such route.",
    )
    .option(
      "--quiet <time>",
      "for how long nothing may have leant on either: 12h, 30d (default: retire.quiet of each route)",
    )
    .addHelpText(
      "after",
      example("crossfade retire", "crossfade retire users --quiet 60d", "crossfade retire users --json"),
    )
    .action(async (route: string | undefined, options: RetireOptions) =>
      ended(await (await import("./retire.ts")).runRetire(route, options)),
    );

  program
    .command("export")
    .summary("the routing that acts now, for nginx or Envoy in Crossfade's place")
    .description(
      "Prints the routing of the configuration, with the phases that act, as nginx includes it within http, or as a whole configuration of Envoy: each route straight to the service that answers for it. Phases are the running proxy's; where none answers, those that it left beside its store. Exit code 1: there is something that clients need and that no routing does (ids and requests that Crossfade translates); it is named, and the rest is printed.",
    )
    .addOption(new Option("--format <server>", "for which server").choices(EXPORT_FORMATS).makeOptionMandatory())
    .option("--config <file>", "configuration (default: ./crossfade.yaml)")
    .option("--admin <url>", "admin listener (default: what the configuration says)")
    .option("--token <token>", "admin token (default: CROSSFADE_TOKEN, or from the configuration)")
    .addHelpText("after", example("crossfade export --format nginx > /etc/nginx/conf.d/api.conf && nginx -t"))
    .action(async (options: ExportRoutingOptions) =>
      ended(await (await import("./export-routing.ts")).runExportRouting(options)),
    );
}

/** The processes that share a store. */
export function addInstances(program: Command, ended: Ended): void {
  const instances = program
    .command("instances")
    .summary("the processes that use the store")
    .description("The members: every process that uses the store of a running Crossfade.")
    .addHelpText("after", example("crossfade instances"));
  withApi(instances.command("list", { isDefault: true }))
    .summary("those that serve, that left, and that are silent")
    .description(
      "Lists the members: every process that uses the store of a running Crossfade, when each was last heard, and what it runs. One that is silent is not taken for dead: it blocks changes of phases until it comes back or is forgotten.",
    )
    .addHelpText("after", example("crossfade instances", "crossfade instances list --json"))
    .action(async (options: InstancesOptions) => ended(await (await import("./instances.ts")).runInstances(options)));

  withApi(instances.command("forget <id>"))
    .summary("take a silent member off the list")
    .description(
      "Says that a silent member does not come back, so that nothing waits for it; told in the audit. One that is alive leaves by being stopped. Exit code 1: there is no such member, or it is alive.",
    )
    .requiredOption("--reason <text>", "why it does not come back; kept in the audit")
    .addHelpText("after", example('crossfade instances forget 01JD9X3P4M5N6Q7R8S9TAVBWCX --reason "disk died"'))
    .action(async (id: string, options: ForgetOptions) =>
      ended(await (await import("./instances.ts")).runForget(id, options)),
    );
}

/** What is done about divergences. */
export function addRemedies(program: Command, ended: Ended): void {
  withApi(program.command("repair"))
    .summary("make the shadow equal where copies were lost or refused")
    .description(
      "Goes through the repair list: reads each key on both services, writes to the shadow what the primary has, and reads both again. Ctrl-C is safe, and the next run goes on. Exit code 1: keys are left on the list, parked ones among them.",
    )
    .option("--route <name>", "only of this route")
    .option("--dry-run", "read and compare, and say what would be written; nothing is changed")
    .option("--rate <rate>", "keys that may be begun: 20/s, 600/m (default: repair.rate of each route)")
    .option("--reason <text>", "why; kept in the audit")
    .addHelpText(
      "after",
      example("crossfade repair --route users --dry-run", "crossfade repair --route users --rate 50/s"),
    )
    .action(async (options: RepairOptions) => ended(await (await import("./repair.ts")).runRepair(options)));

  withApi(program.command("suggest"))
    .summary("rules for differences that do not matter")
    .description(
      "Learns from what was recorded which rules would excuse differences that do not matter, and prints them to be pasted into the configuration, with what each would hide. Nothing is changed. What may be a mistake is listed apart. With compare.noise in the configuration it also knows how often each place agrees, and where the primary answers the same request differently. Exit code 1: there is no route of that name.",
    )
    .option("--route <name>", "only of this route")
    .addOption(sinceOption())
    .addOption(limitOption("look at this many divergences of a route at most, the newest (default: 2000)"))
    .addHelpText("after", example("crossfade suggest", "crossfade suggest --route users --since 2h"))
    .action(async (options: SuggestOptions) => ended(await (await import("./suggest.ts")).runSuggest(options)));

  withApi(program.command("recompare"))
    .summary("what changed rules would make of what was recorded")
    .description(
      "Compares the exchanges that a running Crossfade has kept whole under the rules of the file on disk, and shows which causes vanish and which appear. They are redacted: what is secret is compared by a keyed hash. Nothing is sent and nothing is changed. Exit code 1: something appears; 3: there is nothing to compare.",
    )
    .option("--route <name>", "only what was recorded of this route")
    .option("--fixtures <place>", "compare these instead: a file of divergences export --format fixture, or a folder")
    .addHelpText(
      "after",
      example("crossfade recompare --config crossfade.yaml", "crossfade recompare --route users --fixtures test/pairs"),
    )
    .action(async (options: RecompareOptions) => ended(await (await import("./recompare.ts")).runRecompare(options)));

  withApi(program.command("values"))
    .summary("what ids and tokens of one service are at the other")
    .description(
      "Prints the pairs of values that routes have learnt (values), the newest first, as comma-separated values. Secret ones (tokens, cookies, what is redacted) are listed without their texts, and so are those that are the same on both sides. Needs a token of the role bodies.",
    )
    .option("--kind <kind>", "only values of this kind")
    .addHelpText("after", example("crossfade values --kind user-id > user-ids.csv"))
    .action(async (options: ValuesOptions) => ended(await (await import("./values.ts")).runValues(options)));

  withApi(program.command("replay <id>"))
    .summary("send a recorded request once more")
    .description(
      "Sends the request of a divergence again, as far as it was kept whole: a read to both services, a write to the shadow alone; and shows whether the answers differ as they did. Exit code 0: the difference is gone; 1: it is not, or the request cannot be sent again; 3: a service gave no answer.",
    )
    .option("--force", "send a write although the shadow may apply it twice; needs --reason")
    .option("--reason <text>", "why; kept in the log of the proxy")
    .addHelpText(
      "after",
      example(
        "crossfade replay 01JD9X3P4M5N6Q7R8S9TAVBWCX",
        'crossfade replay 01JD9X3P4M5N6Q7R8S9TAVBWCX --force --reason "a test system"',
      ),
    )
    .action(async (id: string, options: ReplayOptions) =>
      ended(await (await import("./replay.ts")).runReplay(id, options)),
    );
}

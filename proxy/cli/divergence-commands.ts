/** `crossfade divergences` and what is below it. */
import { type Command, Option } from "commander";
import type { ListOptions } from "./divergences.ts";
import type { ExportOptions } from "./export.ts";
import type { DecideOptions } from "./groups.ts";
import { type Ended, example, limitOption, sinceOption, stateOption, withApi, withFilter } from "./options.ts";
import type { PurgeOptions } from "./purge.ts";

export function addDivergences(program: Command, ended: Ended): void {
  const divergences = program
    .command("divergences")
    .summary("where the services disagree")
    .description("Where the services disagree: listed, by cause, one in full, or live; and what you know of a cause.")
    .addHelpText("after", example("crossfade divergences list --route users --since 2h --kind precision"));

  withFilter(withApi(divergences.command("list", { isDefault: true })))
    .description("Lists divergences, the newest first.")
    .addOption(stateOption("only of causes in this state"))
    .addOption(sinceOption())
    .addOption(limitOption())
    .addHelpText(
      "after",
      example(
        "crossfade divergences list --route users --outcome divergent --json",
        "crossfade divergences list --group b1946ac9",
      ),
    )
    .action(async (options: ListOptions) => ended(await (await import("./divergences.ts")).runList(options)));

  withApi(divergences.command("groups"))
    .description(
      "Lists causes: divergences that share route, method, places, kinds and classes of values; and copies that failed in the same way.",
    )
    .option("--route <name>", "only of this route")
    .addOption(stateOption("only in this state"))
    .addOption(limitOption())
    .addHelpText("after", example("crossfade divergences groups --route users --state new"))
    .action(async (options: ListOptions) => ended(await (await import("./divergences.ts")).runGroups(options)));

  withApi(divergences.command("show <id>"))
    .description("Shows one divergence, or one group with samples. Exit code 1: there is none of that id.")
    .addHelpText("after", example("crossfade divergences show b1946ac9"))
    .action(async (id: string, options: ListOptions) =>
      ended(await (await import("./divergences.ts")).runShow(id, options)),
    );

  addDecisions(divergences, ended);
  addExport(divergences, ended);
  addPurge(divergences, ended);

  withFilter(withApi(divergences.command("tail")))
    .description("Prints divergences as they are recorded, until Ctrl-C.")
    .addHelpText("after", example("crossfade divergences tail --route users"))
    .action(async (options: ListOptions) => ended(await (await import("./divergences.ts")).runTail(options)));
}

function addExport(divergences: Command, ended: Ended): void {
  withFilter(withApi(divergences.command("export")))
    .description(
      "Writes all divergences that match, the newest first: a line of JSON each, as commands that send their requests again, or whole, as far as they were kept so, for crossfade recompare --fixtures.",
    )
    .addOption(stateOption("only of causes in this state"))
    .addOption(sinceOption())
    .addOption(
      new Option("--format <format>", "ndjson; curl: a command for a POSIX shell each; fixture: a file of YAML")
        .choices(["ndjson", "curl", "fixture"])
        .default("ndjson"),
    )
    .addOption(
      new Option("--to <service>", "which service the commands of --format curl ask")
        .choices(["legacy", "next"])
        .default("next"),
    )
    .addHelpText(
      "after",
      example(
        "crossfade divergences export --route users --since 7d > users.ndjson",
        "crossfade divergences export --kind precision --format curl --to legacy",
        "crossfade divergences export --route users --format fixture > users.yaml",
      ),
    )
    .action(async (options: ExportOptions) => ended(await (await import("./export.ts")).runExport(options)));
}

function addPurge(divergences: Command, ended: Ended): void {
  withApi(divergences.command("purge"))
    .description(
      "Erases the divergences of one entity from the store, its file and the divergence log, where the key is redacted too. Counts, groups and the repair list stay.",
    )
    .requiredOption("--key <key>", "the plain entity key: users/42")
    .option("--route <name>", "only of this route")
    .option("--dry-run", "say what would go, and change nothing")
    .option("--reason <text>", "why; kept in the audit")
    .addHelpText(
      "after",
      example("crossfade divergences purge --key users/42 --dry-run", "crossfade divergences purge --key users/42"),
    )
    .action(async (options: PurgeOptions) => ended(await (await import("./purge.ts")).runPurge(options)));
}

function addDecisions(divergences: Command, ended: Ended): void {
  const decide =
    (state: "acknowledged" | "fixed" | "new") =>
    async (id: string, options: DecideOptions): Promise<void> =>
      ended(await (await import("./groups.ts")).runDecide(id, state, options));

  withApi(divergences.command("ack <group>"))
    .description(
      "Acknowledges a cause: it stays in the lists, and status is not loud about it any more. Exit code 1: there is no such group.",
    )
    .requiredOption("--reason <text>", "why this difference is accepted; kept and shown with the group")
    .option("--until <time>", "seen after this, it has regressed: 2027-03-01 or 2027-03-01T12:00:00Z")
    .option("--build <build>", "seen in another build of next than this, it has regressed")
    .addHelpText(
      "after",
      example(
        'crossfade divergences ack b1946ac9 --reason "legacy pads names; agreed"',
        'crossfade divergences ack b1946ac9 --reason "fixed soon" --build 9f3c',
      ),
    )
    .action(decide("acknowledged"));

  withApi(divergences.command("fixed <group>"))
    .description("Says that a cause is fixed: seen again, it has regressed. Exit code 1: there is no such group.")
    .option("--reason <text>", "how; kept and shown with the group")
    .addHelpText("after", example('crossfade divergences fixed b1946ac9 --reason "build a001"'))
    .action(decide("fixed"));

  withApi(divergences.command("reopen <group>"))
    .description("Takes back what was said of a cause: it is new again. Exit code 1: there is no such group.")
    .option("--reason <text>", "why; kept and shown with the group")
    .addHelpText("after", example("crossfade divergences reopen b1946ac9"))
    .action(decide("new"));
}

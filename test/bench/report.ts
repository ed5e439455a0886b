/** How measurements are shown: Markdown for people, JSON for machines, with the machine, versions and date in both. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** One part of the bench: its tables, and what was reached of what should be. */
export interface Part {
  readonly name: string;
  readonly setting: Readonly<Record<string, unknown>>;
  readonly data: unknown;
  readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly what: string;
  readonly measured: number;
  readonly sign: "<=" | ">=";
  readonly bound: number;
  /** `x` for ratios, else the unit of both. */
  readonly unit: string;
}

export function isMet({ measured, sign, bound }: Bar): boolean {
  return sign === "<=" ? measured <= bound : measured >= bound;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

export interface Report {
  readonly date: string;
  /** As it was typed. */
  readonly command: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** Of the minute before: what else the machine was doing. */
  readonly loadBefore: number;
  readonly parts: readonly Part[];
}

export function loadOfLastMinute(): number {
  return loadavg()[0] ?? 0;
}

export function makeReport(command: string, loadBefore: number, parts: readonly Part[]): Report {
  const versions = versionsOf("fastify", "@fastify/http-proxy", "http-proxy", "undici");
  return { date: new Date().toISOString(), command, machine: machine(), versions, loadBefore, parts };
}

/** The block that README and docs quote. */
export function markdownOf({ date, command, machine: where, versions, loadBefore, parts }: Report): string {
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `Measured ${date.slice(0, 10)} with \`${command}\` on ${where.processor}, ${where.cores} cores shared with load and services, ` +
      `${where.memoryGiB} GiB, ${where.system}, Node ${where.node}, ${used.join(", ")}.` +
      (loadBefore > where.cores / 4 ? ` The machine was busy with other things (load ${loadBefore.toFixed(1)}).` : ""),
  ];
  for (const part of parts) {
    for (const { title, lines: text } of part.sections) lines.push("", `### ${title}`, "", ...text);
  }
  const bars = parts.flatMap((part) => part.bars);
  if (bars.length > 0) {
    const spell = (value: number, unit: string): string =>
      unit === "x" ? `${value.toFixed(2)} x` : `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`;
    const rows = bars.map((bar) => [
      bar.what,
      spell(bar.measured, bar.unit),
      `${bar.sign} ${spell(bar.bound, bar.unit)}`,
      isMet(bar) ? "met" : "**missed**",
    ]);
    lines.push("", "### Against the bars", "", table(["what", "measured", "bar", ""], rows));
  }
  return `${lines.join("\n")}\n`;
}

interface Machine {
  readonly node: string;
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
}

function machine(): Machine {
  const processors = cpus();
  return {
    node: process.versions.node,
    system: `${type()} ${release().split("-")[0]}`,
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

function versionsOf(...names: readonly string[]): Record<string, string> {
  const read = (name: string): string => {
    const text = readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8");
    return (JSON.parse(text) as { version: string }).version;
  };
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

/** The flags of `crossfade start`, read with the grammar of the file's settings and laid over it. */
import type { z } from "zod";
import type { ConfigMessage } from "./message.ts";
import {
  adminListenField,
  listenField,
  logFileField,
  memberFolderField,
  workersField,
  type Written,
} from "./schema.ts";
import { effectsField, urlField, type WrittenService } from "./service-schema.ts";
import { storeField } from "./store-schema.ts";

export interface StartFlags {
  readonly legacy?: string | undefined;
  readonly next?: string | undefined;
  /** Of next. */
  readonly effects?: string | undefined;
  readonly listen?: string | undefined;
  readonly admin?: string | undefined;
  readonly store?: string | undefined;
  readonly divergenceLog?: string | undefined;
  readonly memberFolder?: string | undefined;
  readonly workers?: string | undefined;
  /** Lets an empty store begin in phases that are otherwise reached through the gate. */
  readonly adoptPhases?: boolean | undefined;
}

export interface FlagsRead {
  readonly errors: readonly ConfigMessage[];
  /** Path of a setting as text (`services.next.url`) to the flag that gave it. */
  readonly flagOf: ReadonlyMap<string, string>;
  overlay(written: Written): Written;
}

export function readFlags(flags: StartFlags): FlagsRead {
  const errors: ConfigMessage[] = [];
  const flagOf = new Map<string, string>();
  const read = <S extends z.ZodType>(
    field: S,
    text: string | number | undefined,
    flag: string,
    path: string,
  ): z.output<S> | undefined => {
    if (text === undefined) return undefined;
    flagOf.set(path, flag);
    const parsed = field.safeParse(text);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) errors.push({ file: flag, line: null, column: null, text: issue.message });
    return undefined;
  };
  const legacyUrl = read(urlField, flags.legacy, "--legacy", "services.legacy.url");
  const nextUrl = read(urlField, flags.next, "--next", "services.next.url");
  const effects = read(effectsField, flags.effects, "--effects", "services.next.effects");
  const listen = read(listenField, flags.listen, "--listen", "listen");
  const adminListen = read(adminListenField, flags.admin, "--admin", "admin.listen");
  const store = read(storeField, flags.store, "--store", "store");
  const logFile = read(logFileField, flags.divergenceLog, "--divergence-log", "divergenceLog.file");
  const memberFolder = read(memberFolderField, flags.memberFolder, "--member-folder", "member.folder");
  const workers = read(workersField, wholeNumberOf(flags.workers), "--workers", "workers");

  const overlay = (written: Written): Written => {
    const services = written.services ?? {};
    return {
      ...written,
      ...given({ listen, store, workers }),
      admin: { ...written.admin, ...given({ listen: adminListen }) },
      divergenceLog: { ...written.divergenceLog, ...given({ file: logFile }) },
      member: { ...written.member, ...given({ folder: memberFolder }) },
      services: {
        ...services,
        ...over("legacy", services.legacy, given({ url: legacyUrl })),
        ...over("next", services.next, given({ url: nextUrl, effects })),
      },
    };
  };
  return { errors, flagOf, overlay };
}

/** What is none is left as it is, to be refused in its own words. */
function wholeNumberOf(text: string | undefined): string | number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : text;
}

/** Only the entries that have a value: an absent flag must not hide what the file says. */
function given<T extends object>(entries: T): Partial<T> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function over(
  name: string,
  service: WrittenService | undefined,
  flags: WrittenService,
): Record<string, WrittenService> {
  return service === undefined && Object.keys(flags).length === 0 ? {} : { [name]: { ...service, ...flags } };
}

import type { Case } from "../script.ts";
import { ANSWERS } from "./answers.ts";
import { CONNECTIONS } from "./connections.ts";
import { HEADS } from "./heads.ts";
import { INTERIMS } from "./interims.ts";
import { UPLOADS } from "./uploads.ts";

export const ALL_CASES: readonly Case[] = [...HEADS, ...UPLOADS, ...INTERIMS, ...ANSWERS, ...CONNECTIONS];

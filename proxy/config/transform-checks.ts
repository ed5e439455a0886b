/** Rules about what is another thing at next. */
import { moveProblem as memberProblem } from "../json/move-members.ts";
import { parsePointer } from "../json/pointer.ts";
import { moveProblem } from "../ids/moved-path.ts";
import { parsePattern } from "../pattern.ts";
import type { Findings } from "./findings.ts";
import type { ConfigPath } from "./message.ts";
import type { Places } from "./places.ts";
import type { RouteSettings } from "./settings.ts";
import { sentHeaderProblem } from "./texts.ts";

type Report = (at: ConfigPath, problem: string) => void;

export function checkTransforms(routes: readonly RouteSettings[], places: Places, findings: Findings): void {
  const ofPath = new Map<string, RouteSettings>();
  for (const [i, route] of routes.entries()) {
    const place: ConfigPath = ["routes", i, "transform"];
    const refuse: Report = (at, problem) => findings.errors.push(places.at([...place, ...at], problem));
    checkPath(route, refuse);
    checkMethods(route, refuse);
    checkHeaders(route, refuse);
    checkBody(route, refuse);
    const { path } = route.transform;
    if (path === null) continue;
    const target = `${route.next} ${path}`;
    const before = ofPath.get(target);
    if (before === undefined) ofPath.set(target, route);
    else if (before.match.path !== route.match.path) {
      const why = `is "${path}", as at route ${before.name}: what next's answers say of such paths is put as that route's`;
      findings.warnings.push(places.at([...place, "path"], `${why}; write one path for each`));
    }
  }
}

function checkPath({ match, transform: { path } }: RouteSettings, refuse: Report): void {
  if (path === null) return;
  const [from, to] = [parsePattern(match.path), parsePattern(path)];
  const problem = from.ok && to.ok ? moveProblem(from.pattern, to.pattern) : null;
  if (problem !== null) refuse(["path"], `is "${path}", which ${problem}`);
}

function checkMethods({ transform: { methods } }: RouteSettings, refuse: Report): void {
  for (const [legacy, next] of methods) {
    if (next !== "CONNECT" && legacy !== "CONNECT") continue;
    refuse(["methods", legacy], `is ${next}, and tunnels are never mirrored; take it out`);
  }
}

function checkHeaders({ transform: { headers } }: RouteSettings, refuse: Report): void {
  for (const side of ["legacy", "next"] as const) {
    const seen = new Set<string>();
    for (const [i, move] of headers.entries()) {
      const name = move[side];
      const problem = sentHeaderProblem(name, "");
      if (problem !== null) refuse(["headers", i, side], `is ${name}, which ${problem}`);
      if (seen.has(name)) refuse(["headers", i, side], `is ${name} a second time; one name stands for one`);
      seen.add(name);
    }
  }
}

function checkBody({ transform: { body } }: RouteSettings, refuse: Report): void {
  const seen = new Map<string, number>();
  for (const [i, { legacy, next, of }] of body.entries()) {
    const [from, to] = [parsePointer(legacy) ?? [], parsePointer(next) ?? []];
    const problem = memberProblem({ from, to });
    if (problem !== null) refuse(["body", i, "next"], `is "${next}" for "${legacy}", which ${problem}`);
    for (const side of of === null ? (["request", "answer"] as const) : [of]) {
      for (const pointer of [`legacy ${legacy}`, `next ${next}`]) {
        const name = `${side} ${pointer}`;
        const before = seen.get(name);
        if (before !== undefined) {
          const [who, what] = pointer.split(" ");
          refuse(["body", i, who as string], `is "${what}" as at body[${before}]; a member goes to one place`);
        }
        seen.set(name, i);
      }
    }
  }
}

/** Kubernetes manifests as kustomize renders them, and what is wrong with them by Kubernetes' own schemas. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { findKustomize } from "../../deploy/checkers.mjs";
import { ROOT } from "../../deploy/prepare.mjs";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export type Labels = Readonly<Record<string, string>>;

export function render(overlay: string): readonly Manifest[] {
  const [command, ...args] = findKustomize();
  const folder = join(ROOT, "deploy/kubernetes/overlays", overlay);
  const text = execFileSync(command, [...args, folder], { encoding: "utf8" });
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** Generated from the API's own OpenAPI description. */
function modelOf({ apiVersion, kind }: Pick<Manifest, "apiVersion" | "kind">): string {
  const operator = apiVersion.startsWith("monitoring.coreos.com/");
  return `${operator ? "@kubernetes-models/prometheus-operator" : "kubernetes-models"}/${apiVersion}/${kind}`;
}

type Model = new (data: unknown) => { validate(): void };

/** Values of a wrong type, and what is required and missing; in words. */
export async function invalidIn(manifest: Manifest): Promise<string | null> {
  const models = (await import(modelOf(manifest))) as Readonly<Record<string, Model>>;
  const Class = models[manifest.kind];
  if (Class === undefined) return `there is no ${manifest.kind} in ${manifest.apiVersion}`;
  try {
    new Class(manifest).validate();
    return null;
  } catch (error) {
    return `${manifest.kind} ${manifest.metadata.name}: ${(error as Error).message}`;
  }
}

/** Keys that the API does not know: its schemas let them pass, and the API drops them. The compiler knows them too. */
export function unknownKeysIn(manifests: readonly Manifest[]): string {
  mkdirSync(join(ROOT, ".tmp"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".tmp/manifests-"));
  try {
    const lines = manifests.map(
      (manifest, i) =>
        `import type { I${manifest.kind} as I${i} } from "${modelOf(manifest)}";\nexport const m${i}: I${i} = ${JSON.stringify(manifest)};`,
    );
    writeFileSync(join(folder, "manifests.ts"), lines.join("\n"));
    const compilerOptions = { noEmit: true, module: "nodenext", strict: true, skipLibCheck: true, types: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["manifests.ts"] }));
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    return spawnSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8" }).stdout.trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads a config of Envoy by Envoy's own protobuf definitions: what it does not know is told by its path. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const DEPS = join(dirname(fileURLToPath(import.meta.resolve("@grpc/grpc-js-xds"))), "../../deps");
const ROOTS = [
  ...["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((name) => join(DEPS, name)),
  dirname(fileURLToPath(import.meta.resolve("protobufjs"))),
];
const BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap";
/** What the config may hold in an Any beside the bootstrap's own types. */
const EXTENSIONS = [
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
  "envoy/extensions/filters/http/router/v3/router.proto",
  "envoy/extensions/transport_sockets/tls/v3/tls.proto",
];

const root = new protobuf.Root();
root.resolvePath = (_origin, target) =>
  ROOTS.map((folder) => join(folder, target)).find((file) => existsSync(file)) ?? target;
root.loadSync(["envoy/config/bootstrap/v3/bootstrap.proto", ...EXTENSIONS], { keepCase: true });
root.resolveAll();

/** Sentences; none: Envoy knows every field, enum and type, and each holds what it may. */
export function faultsIn(config: unknown): readonly string[] {
  return [...faultsOf(config, root.lookupType(BOOTSTRAP), "")];
}

type Value = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Value {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function* faultsOf(value: unknown, type: protobuf.Type, at: string): Generator<string> {
  const name = type.fullName.slice(1);
  if (name === "google.protobuf.Duration") {
    if (typeof value !== "string" || !/^\d+(?:\.\d+)?s$/.test(value)) yield `${at} is no duration like 2s`;
    return;
  }
  if (name === "google.protobuf.Any") {
    yield* faultsOfAny(value, at);
    return;
  }
  const wrapped = /^google\.protobuf\.(Bool|U?Int(?:32|64)|Double|Float|String)Value$/.test(name)
    ? type.fields["value"]
    : undefined;
  if (wrapped !== undefined) {
    yield* faultsOfScalar(value, wrapped.type, at);
    return;
  }
  if (!isObject(value)) {
    yield `${at} is no ${name}`;
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const field = type.fields[key];
    if (field === undefined) yield `${at}/${key} is no field of ${name}`;
    else yield* faultsOfField(inner, field, `${at}/${key}`);
  }
  for (const { name: choice, oneof } of type.oneofsArray) {
    const given = oneof.filter((key) => key in value);
    if (given.length > 1) yield `${at} has ${given.join(" and ")}, of which ${choice} is one`;
  }
}

function* faultsOfField(value: unknown, field: protobuf.Field, at: string): Generator<string> {
  if (field instanceof protobuf.MapField) {
    for (const [key, inner] of Object.entries(isObject(value) ? value : {}))
      yield* faultsOfOne(inner, field, `${at}/${key}`);
  } else if (field.repeated) {
    if (!Array.isArray(value)) yield `${at} is no list`;
    else for (const [i, inner] of value.entries()) yield* faultsOfOne(inner, field, `${at}/${i}`);
  } else {
    yield* faultsOfOne(value, field, at);
  }
}

function* faultsOfOne(value: unknown, field: protobuf.Field, at: string): Generator<string> {
  const { resolvedType } = field.resolve();
  if (resolvedType instanceof protobuf.Type) yield* faultsOf(value, resolvedType, at);
  else if (resolvedType instanceof protobuf.Enum) {
    if (!(String(value) in resolvedType.values)) yield `${at} is none of ${resolvedType.name}`;
  } else yield* faultsOfScalar(value, field.type, at);
}

function* faultsOfScalar(value: unknown, type: string, at: string): Generator<string> {
  const expected = type === "bool" ? "boolean" : type === "string" || type === "bytes" ? "string" : "number";
  if (typeof value !== expected) yield `${at} is no ${type}`;
}

function* faultsOfAny(value: unknown, at: string): Generator<string> {
  const { "@type": url, ...fields } = isObject(value) ? value : {};
  const name = String(url).replace(/^type\.googleapis\.com\//, "");
  let type: protobuf.Type;
  try {
    type = root.lookupType(name);
  } catch {
    yield `${at}/@type: there is no ${name}`;
    return;
  }
  yield* faultsOf(fields, type, at);
}

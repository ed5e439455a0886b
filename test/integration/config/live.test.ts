import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { watchSettings, type SettingsWatch } from "../../../proxy/config/live.ts";
import { loadSettings } from "../../../proxy/config/load.ts";
import type { ConfigMessage } from "../../../proxy/config/message.ts";
import { rereadInThread } from "../../../proxy/config/reader.ts";
import type { Reading } from "../../../proxy/config/reread.ts";
import { makeAuthority, type Pair } from "../../support/certificates.ts";
import { makeFolder } from "../../support/config-file.ts";

function yaml(queued: string, more = ""): string {
  return `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
limits: { queued: ${queued} }
${more}`;
}

type Sound = Extract<Reading, { ok: true }>;

interface Live {
  readonly watch: SettingsWatch;
  /** Each settles with the next event of its kind. */
  applied(): Promise<Sound>;
  refused(): Promise<readonly ConfigMessage[]>;
  readonly counts: { applied: number; refused: number };
}

function startWatch(t: TestContext, file: string, apply: () => void = () => {}): Live {
  const input = { file, flags: {}, env: {} };
  const running = loadSettings(input);
  assert.ok(running.ok);
  const counts = { applied: 0, refused: 0 };
  let onApplied: ((reading: Sound) => void) | null = null;
  let onRefused: ((errors: readonly ConfigMessage[]) => void) | null = null;
  const watch = watchSettings({
    file,
    running: running.settings,
    files: running.files,
    read: (now) => rereadInThread({ input, running: now, acting: {} }),
    apply: (reading) => {
      apply();
      counts.applied++;
      onApplied?.(reading);
    },
    refused: (errors) => {
      counts.refused++;
      onRefused?.(errors);
    },
    unwatched: (why) => assert.fail(why),
    debounceMs: 20,
  });
  t.after(() => watch.close());
  // The watch does not keep the process alive; a test that waits for it must.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  return {
    watch,
    counts,
    applied: () => new Promise((resolve) => (onApplied = resolve)),
    refused: () => new Promise((resolve) => (onRefused = resolve)),
  };
}

test("a file that is written in place is taken over", async (t) => {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml("1MiB"));
  const live = startWatch(t, file);
  const applied = live.applied();
  writeFileSync(file, yaml("2MiB"));
  assert.equal((await applied).settings.limits.queuedBytes, 2 * 1024 ** 2);
  assert.equal(live.watch.refusal(), null);
});

test("a file that is replaced by renaming is taken over, again and again", async (t) => {
  const folder = makeFolder(t);
  const file = join(folder, "crossfade.yaml");
  writeFileSync(file, yaml("1MiB"));
  const live = startWatch(t, file);
  for (const queued of [2, 3]) {
    const applied = live.applied();
    writeFileSync(join(folder, ".swap"), yaml(`${queued}MiB`));
    renameSync(join(folder, ".swap"), file);
    assert.equal((await applied).settings.limits.queuedBytes, queued * 1024 ** 2);
  }
});

test("a swapped symbolic link is taken over, as Kubernetes mounts a ConfigMap", async (t) => {
  const folder = makeFolder(t);
  const version = (name: string, text: string): void => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "crossfade.yaml"), text);
    symlinkSync(name, join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  version("..v1", yaml("1MiB"));
  symlinkSync("..data/crossfade.yaml", join(folder, "crossfade.yaml"));
  const live = startWatch(t, join(folder, "crossfade.yaml"));
  for (const [i, queued] of [2, 3].entries()) {
    const applied = live.applied();
    version(`..v${i + 2}`, yaml(`${queued}MiB`));
    rmSync(join(folder, `..v${i + 1}`), { recursive: true });
    assert.equal((await applied).settings.limits.queuedBytes, queued * 1024 ** 2);
  }
});

test("an edit behind a symbolic link to another folder is taken over", async (t) => {
  const [near, far] = [makeFolder(t), makeFolder(t)];
  writeFileSync(join(far, "real.yaml"), yaml("1MiB"));
  symlinkSync(join(far, "real.yaml"), join(near, "crossfade.yaml"));
  const live = startWatch(t, join(near, "crossfade.yaml"));
  const applied = live.applied();
  writeFileSync(join(far, "real.yaml"), yaml("2MiB"));
  assert.equal((await applied).settings.limits.queuedBytes, 2 * 1024 ** 2);
});

test("a faulty file leaves the running settings, says where it is wrong, and is forgotten once mended", async (t) => {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml("1MiB"));
  const live = startWatch(t, file);
  const refused = live.refused();
  writeFileSync(file, yaml("64"));
  const [error] = await refused;
  assert.deepEqual({ line: error?.line, column: error?.column }, { line: 4, column: 19 });
  assert.match(error?.text ?? "", /limits\.queued is 64, which has no unit/);
  assert.equal(live.counts.applied, 0);
  assert.deepEqual(live.watch.refusal(), [error]);
  const applied = live.applied();
  writeFileSync(file, yaml("2MiB"));
  await applied;
  assert.equal(live.watch.refusal(), null);
});

test("a change that needs a restart refuses the whole file, with its place", async (t) => {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml("1MiB"));
  const live = startWatch(t, file);
  writeFileSync(file, yaml("2MiB", "listen: 127.0.0.1:8081\n"));
  assert.equal(await live.watch.reload(), "refused");
  const [error] = live.watch.refusal() ?? [];
  assert.deepEqual({ line: error?.line, column: error?.column }, { line: 5, column: 9 });
  assert.match(error?.text ?? "", /listen is 127\.0\.0\.1:8081 and was 127\.0\.0\.1:8080/);
  assert.equal(live.counts.applied, 0);
});

test("a file with an ignore rule that is past is taken over", async (t) => {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml("64MiB"));
  const live = startWatch(t, file);
  writeFileSync(
    file,
    yaml("64MiB", "defaults: { compare: { ignore: [{ at: /a, because: clock, until: 2020-01-01 }] } }\n"),
  );
  assert.equal(await live.watch.reload(), "applied");
});

/** `tls` at a port of its own, from two files of that folder. */
function withTls(folder: string): string {
  const files = `cert: ${join(folder, "tls.crt")}, key: ${join(folder, "tls.key")}`;
  return yaml("1MiB", `listen: 127.0.0.1:8443\ntls: { ${files} }\n`);
}

test("certificates that are renewed are taken over, though the config file stays as it is", async (t) => {
  const authority = makeAuthority(t);
  const folder = makeFolder(t);
  const write = ({ cert, key }: Pair): void => {
    writeFileSync(join(folder, "tls.key"), key);
    writeFileSync(join(folder, "tls.crt"), cert);
  };
  write(authority.issue(["a.example"]));
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, withTls(folder));
  const live = startWatch(t, file);
  const next = authority.issue(["a.example"]);
  const applied = live.applied();
  write(next);
  assert.equal((await applied).settings.tls?.cert, next.cert);
  assert.equal(live.watch.refusal(), null);
});

test("a certificate that is broken or another key's leaves the running one until it is mended", async (t) => {
  const authority = makeAuthority(t);
  const folder = makeFolder(t);
  const first = authority.issue(["a.example"]);
  writeFileSync(join(folder, "tls.key"), first.key);
  writeFileSync(join(folder, "tls.crt"), first.cert);
  const file = join(folder, "crossfade.yaml");
  writeFileSync(file, withTls(folder));
  const live = startWatch(t, file);
  const refused = live.refused();
  const second = authority.issue(["a.example"]);
  writeFileSync(join(folder, "tls.crt"), second.cert);
  assert.match((await refused)[0]?.text ?? "", /^tls\.key is not the key of the certificate in cert/);
  assert.equal(live.counts.applied, 0);
  const applied = live.applied();
  writeFileSync(join(folder, "tls.key"), second.key);
  assert.equal((await applied).settings.tls?.key, second.key);
  assert.equal(live.watch.refusal(), null);
});

test("a file that the config names and that is not there yet is awaited", async (t) => {
  const authority = makeAuthority(t);
  const folder = makeFolder(t);
  const first = authority.issue(["a.example"]);
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(join(folder, "tls.key"), first.key);
  writeFileSync(join(folder, "tls.crt"), first.cert);
  writeFileSync(file, withTls(folder));
  const live = startWatch(t, file);
  const later = makeFolder(t);
  const refused = live.refused();
  writeFileSync(file, withTls(later));
  assert.match((await refused)[0]?.text ?? "", /tls\.cert is ".*", and there is no file/);
  const applied = live.applied();
  const second = authority.issue(["a.example"]);
  writeFileSync(join(later, "tls.key"), second.key);
  writeFileSync(join(later, "tls.crt"), second.cert);
  assert.equal((await applied).settings.tls?.cert, second.cert);
});

test("a reload that changes nothing does nothing", async (t) => {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml("1MiB"));
  const live = startWatch(t, file);
  assert.equal(await live.watch.reload(), "unchanged");
  writeFileSync(file, `# a comment\n${yaml("1024KiB")}`);
  assert.equal(await live.watch.reload(), "unchanged");
  assert.deepEqual(live.counts, { applied: 0, refused: 0 });
});

test("a file that is gone is refused, and taken up again once it is back", async (t) => {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml("1MiB"));
  const text = readFileSync(file);
  const live = startWatch(t, file);
  rmSync(file);
  assert.equal(await live.watch.reload(), "refused");
  assert.match(live.watch.refusal()?.[0]?.text ?? "", /there is no such file/);
  writeFileSync(file, text);
  assert.equal(await live.watch.reload(), "unchanged");
  assert.equal(live.watch.refusal(), null);
});

test("settings that cannot be taken into use are refused, and tried again by the next reload", async (t) => {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml("1MiB"));
  let broken = true;
  const live = startWatch(t, file, () => {
    if (broken) throw new Error("no memory");
  });
  writeFileSync(file, yaml("2MiB"));
  assert.equal(await live.watch.reload(), "refused");
  assert.match(live.watch.refusal()?.[0]?.text ?? "", /could not be taken into use: no memory/);
  broken = false;
  assert.equal(await live.watch.reload(), "applied");
});

test("other files of the folder make nothing happen, and a closed watch neither", async (t) => {
  const folder = makeFolder(t);
  const file = join(folder, "crossfade.yaml");
  writeFileSync(file, yaml("1MiB"));
  const live = startWatch(t, file);
  writeFileSync(join(folder, "neighbour.yaml"), "x");
  // The neighbour's event comes before that of the file itself.
  const applied = live.applied();
  writeFileSync(file, yaml("2MiB"));
  await applied;
  assert.deepEqual(live.counts, { applied: 1, refused: 0 });
  live.watch.close();
  const other = startWatch(t, file);
  const seen = other.applied();
  writeFileSync(file, yaml("3MiB"));
  await seen;
  assert.deepEqual(live.counts, { applied: 1, refused: 0 });
});

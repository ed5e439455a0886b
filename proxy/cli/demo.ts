/** `crossfade demo`: two real services, the proxy between them and a client that works, until Ctrl-C. */
import { loadSettings } from "../config/load.ts";
import { formatConfigMessage } from "../config/message.ts";
import { CrossfadeError } from "../errors.ts";
import type { Identity } from "../exchange.ts";
import type { Crossfade } from "../crossfade.ts";
import { startCrossfade } from "../main.ts";
import { Api } from "./api.ts";
import { type Client, startClient } from "./demo/client.ts";
import { type DataSet, makeDataSet } from "./demo/data-set.ts";
import { Errands, repeatableRandom } from "./demo/errands.ts";
import { listenForInterruption } from "./demo/interruption.ts";
import { type Service, startService } from "./demo/services.ts";
import { Stage } from "./demo/stage.ts";
import { type StoryReport, tellStory } from "./demo/story.ts";
import { freePort, makeWorkspace, type Workspace, writeConfig } from "./demo/workspace.ts";
import { EXIT, Exit, type ExitCode } from "./exit.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

export interface DemoOptions {
  /** Ends after the story. Default: as CROSSFADE_DEMO_ONCE says (`1`), else it goes on until Ctrl-C. */
  readonly once?: boolean | undefined;
  /** Adds one line of JSON when the story is told: a StoryReport with the dashboard's address. */
  readonly json?: boolean | undefined;
  /** false: no colours. Default: as the terminal has them. */
  readonly color?: boolean | undefined;
}

const PREFERRED_PROXY_PORT = 8080;
const PREFERRED_ADMIN_PORT = 9090;
/** Another process may take a port between our look and our use of it. */
const PORT_ATTEMPTS = 5;
/** After the story: enough that the dashboard moves, too little to warm the machine. */
const GENTLE_PER_SECOND = 8;
const DRAIN_BUDGET_MS = 400;
const END_WITHIN_MS = 1_500;
const LAST_MOMENT_MS = 300;

/** Resolves to the exit code: 0, or 1 where the client saw an error, a copy was lost, or the accounts do not sum. */
export async function runDemo(options: DemoOptions = {}): Promise<ExitCode> {
  const terminal = openTerminal({ color: options.color });
  const once = options.once ?? process.env["CROSSFADE_DEMO_ONCE"] === "1";
  const interruption = listenForInterruption();
  const running = new Running(makeWorkspace(), new Stage(terminal, () => performance.now()));
  try {
    const interrupted = interruption.asked.then(() => EXIT.done);
    return await Promise.race([perform(running, terminal, once, options.json ?? false), interrupted]);
  } catch (error) {
    if (error instanceof CrossfadeError) throw new Exit(EXIT.failed, error.message);
    throw error;
  } finally {
    await running.end();
    interruption.close();
  }
}

async function perform(running: Running, terminal: Terminal, once: boolean, json: boolean): Promise<ExitCode> {
  const { stage, workspace } = running;
  const dataSet = makeDataSet();
  const [legacy, next] = await running.startServices(dataSet);
  legacy.watchOver(next);
  next.watchOver(legacy);

  const crossfade = await startProxy(running, legacy, next, terminal);
  const client = startClient(crossfade.proxyUrl, new Errands(dataSet, repeatableRandom(1)));
  running.client = client;
  stage.say({ text: titleOf(legacy, next, terminal.width), style: "bold" });
  stage.say({
    text: `${dataSet.countries.length} countries on both sides; the client reads, searches, writes, deletes.`,
    style: "dim",
  });
  stage.gap();

  const api = new Api(crossfade.adminUrl, null);
  const legacyFailed = legacy.failed.then(fail);
  const nextFailed = next.failed.then(fail);
  const report = await Promise.race([tellStory({ stage, client, api, next }), legacyFailed, nextFailed]);
  stage.say({ text: `Dashboard  ${crossfade.adminUrl}/`, style: "bold" });
  stage.say(`Files      ${workspace.folder}`);
  stage.say("Your own   npm start -- --legacy URL --next URL");
  if (json) terminal.print(JSON.stringify({ ...report, dashboard: `${crossfade.adminUrl}/` }));
  if (once) return judge(report);
  stage.say({
    text: `The client goes on at ${GENTLE_PER_SECOND} requests a second. Ctrl-C ends and removes everything.`,
    style: "dim",
  });
  client.setRate(GENTLE_PER_SECOND);
  void next.failed.then((why) => stage.say({ text: `${why}; the client does not notice`, style: "yellow" }));
  return await legacyFailed;
}

function titleOf(legacy: Service, next: Service, width: number): string {
  const flow = `client → Crossfade → legacy (${legacy.product} ${legacy.version}), copies → next`;
  const inFull = `${flow} (${next.product} ${next.version})`;
  return inFull.length <= width ? inFull : `${flow} (${next.version})`;
}

function fail(why: string): never {
  throw new CrossfadeError("internal", why, { source: "upstream" });
}

function judge({ client, accounts }: StoryReport): ExitCode {
  return client.errors === 0 && accounts.lost === 0 && accounts.sums ? EXIT.done : EXIT.no;
}

async function startProxy(running: Running, legacy: Service, next: Service, terminal: Terminal): Promise<Crossfade> {
  for (let attempt = 1; ; attempt++) {
    const file = writeConfig({
      folder: running.workspace.folder,
      proxyPort: await freePort(PREFERRED_PROXY_PORT),
      adminPort: await freePort(PREFERRED_ADMIN_PORT),
      legacyUrl: legacy.url,
      nextUrl: next.url,
    });
    const loaded = loadSettings({ file, flags: {}, env: {} });
    if (!loaded.ok) throw new Exit(EXIT.failed, loaded.errors.map(formatConfigMessage).join("\n"));
    try {
      running.crossfade = await startCrossfade({
        settings: loaded.settings,
        env: {},
        logLevel: "error",
        warn: (line) => terminal.complain(line),
      });
      return running.crossfade;
    } catch (error) {
      if (!(error instanceof CrossfadeError && error.code === "port-taken") || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** What has been started so far. */
class Running {
  readonly workspace: Workspace;
  readonly stage: Stage;
  client: Client | null = null;
  crossfade: Crossfade | null = null;
  readonly #ending = new AbortController();
  readonly #services: Service[] = [];

  constructor(workspace: Workspace, stage: Stage) {
    this.workspace = workspace;
    this.stage = stage;
  }

  startServices(dataSet: DataSet): Promise<[legacy: Service, next: Service]> {
    const start = async (identity: Identity): Promise<Service> => {
      const service = await startService(identity, dataSet, this.workspace.folder, this.#ending.signal);
      this.#services.push(service);
      return service;
    };
    return Promise.all([start("legacy"), start("next")]);
  }

  /** Within two seconds, whatever hangs. */
  async end(): Promise<void> {
    this.stage.close();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        // Whatever still hangs a little later must not keep the process.
        setTimeout(() => process.exit(), LAST_MOMENT_MS).unref();
        resolve();
      }, END_WITHIN_MS);
    });
    await Promise.race([this.#drain(), late]);
    clearTimeout(timer);
    this.#ending.abort();
    await Promise.all(this.#services.map((service) => service.gone));
    this.workspace.remove();
  }

  async #drain(): Promise<void> {
    await this.client?.end();
    for (const service of this.#services) service.resume();
    await this.crossfade?.stop(DRAIN_BUDGET_MS);
  }
}

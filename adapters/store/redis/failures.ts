/** What Redis and its client say, in words, and what each means to the store. */
import { CrossfadeError } from "../../../proxy/errors.ts";

interface Meaning {
  /** What the error's text or code holds. Errors of scripts have the code of the command that failed within their text. */
  readonly sign: RegExp;
  readonly words: string;
  /** no: nothing of the command was done. unknown: its answer was lost. */
  readonly done: "no" | "unknown";
  readonly retryable: boolean;
  /** Another server may be the right one by now: ask anew who is. */
  readonly reconnect?: true;
  /** No start should wait for it to change by itself. */
  readonly hopeless?: true;
}

const MEANINGS: readonly Meaning[] = [
  // Scripts are refused before their first write, so nothing of a batch is there.
  {
    sign: /\bOOM\b/,
    words: "it is full: raise its maxmemory, or let it keep less for others",
    done: "no",
    retryable: true,
  },
  // After a failover this was the master once; with a name or sentinels the new one is found by connecting again.
  {
    sign: /\bREADONLY\b/,
    words: "this server is a replica and takes no writes: name its master, or use redis+sentinel://",
    done: "no",
    retryable: true,
    reconnect: true,
  },
  { sign: /\bLOADING\b/, words: "it is reading its data from disk: wait", done: "no", retryable: true },
  {
    sign: /\bBUSY\b/,
    words: "a script of somebody else keeps it busy: SCRIPT KILL ends that",
    done: "no",
    retryable: true,
  },
  {
    sign: /\bMISCONF\b/,
    words: "it cannot save to its disk and refuses writes: look at its log",
    done: "no",
    retryable: true,
  },
  {
    sign: /\bNOREPLICAS\b/,
    words: "too few of its replicas are well (min-replicas-to-write)",
    done: "no",
    retryable: true,
  },
  { sign: /\bMASTERDOWN\b/, words: "it is a replica without its master", done: "no", retryable: true, reconnect: true },
  {
    sign: /\bCLUSTERDOWN\b|Too many Cluster redirections|\bTRYAGAIN\b/,
    words: "the cluster has no master for some of its slots: look at CLUSTER INFO",
    done: "no",
    retryable: true,
  },
  {
    sign: /Failed to refresh slots cache|None of startup nodes/,
    words: "no node of the cluster answers",
    done: "no",
    retryable: true,
  },
  {
    sign: /\bNOAUTH\b/,
    words: "it wants a password: write redis://USER:PASSWORD@HOST, or password: beside url",
    done: "no",
    retryable: true,
    hopeless: true,
  },
  {
    sign: /\bWRONGPASS\b|invalid password/,
    words: "user or password are wrong",
    done: "no",
    retryable: true,
    hopeless: true,
  },
  {
    sign: /\bNOPERM\b/,
    words: "the user may not do that: ACL SETUSER USER ~PREFIX:* +@all -@dangerous +info",
    done: "no",
    retryable: true,
    hopeless: true,
  },
  {
    sign: /max number of clients/,
    words: "it has no room for another client (maxclients)",
    done: "no",
    retryable: true,
  },
  {
    sign: /DB index is out of range/,
    words: "it has no database of that number (databases)",
    done: "no",
    retryable: false,
    hopeless: true,
  },
  {
    sign: /\bWRONGTYPE\b/,
    words: "keys of this prefix are another program's: choose one with ?prefix=NAME",
    done: "no",
    retryable: false,
  },
  // Nothing was sent: there was no connection at that time.
  {
    sign: /isn't writeable|isn't ready and|Cluster is disconnect|Node is disconnected/,
    words: "there is no connection to it",
    done: "no",
    retryable: true,
  },
  {
    sign: /All sentinels are unreachable/,
    words: "no sentinel tells of a master by that name: look at SENTINEL GET-MASTER-ADDR-BY-NAME",
    done: "no",
    retryable: true,
  },
  { sign: /\bECONNREFUSED\b/, words: "nothing listens there: start it", done: "no", retryable: true },
  { sign: /\bENOTFOUND\b|\bEAI_AGAIN\b/, words: "its name is not known: look at DNS", done: "no", retryable: true },
  {
    sign: /\bCERT|certificate|\bEPROTO\b|SSL|\bTLS\b/,
    words: "TLS failed: look at ca, serverName and the port",
    done: "unknown",
    retryable: true,
  },
  {
    sign: /Connection is closed|max retries per request|\bECONNRESET\b|\bEPIPE\b|\bETIMEDOUT\b|\bEHOSTUNREACH\b|\bENETUNREACH\b|flushed/,
    words: "the connection to it was lost",
    done: "unknown",
    retryable: true,
  },
  { sign: /\bSILENT\b/, words: "it does not answer: is it stopped, or its machine?", done: "unknown", retryable: true },
];

export interface RedisFailure {
  readonly error: CrossfadeError;
  readonly done: "no" | "unknown";
  readonly reconnect: boolean;
  readonly hopeless: boolean;
}

/** `place`: the store as it is named in messages. */
export function asFailure(thrown: unknown, place: string): RedisFailure {
  if (thrown instanceof CrossfadeError) {
    return { error: thrown, done: "no", reconnect: false, hopeless: !thrown.retryable };
  }
  const said = wordsOf(thrown);
  const meaning = MEANINGS.find(({ sign }) => sign.test(said));
  // The rest of a message (which script, which line) is for nobody.
  const short = said.replace(/ ?script: [0-9a-f]{40}, on @user_script:\d+\.?/, "").slice(0, 200);
  const message = `store ${place}: ${meaning === undefined ? short : `${meaning.words} (${short})`}`;
  return {
    error: new CrossfadeError("store-unavailable", message, {
      source: "store",
      retryable: meaning?.retryable ?? false,
      cause: thrown,
    }),
    done: meaning?.done ?? "no",
    reconnect: meaning?.reconnect ?? false,
    hopeless: meaning?.hopeless ?? false,
  };
}

/** Errors of a cluster hold the one of a node; errors of a connection have a code. */
function wordsOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const code = "code" in thrown && typeof thrown.code === "string" ? `${thrown.code} ` : "";
  const last = "lastNodeError" in thrown && thrown.lastNodeError instanceof Error ? thrown.lastNodeError : null;
  if (last !== null) return wordsOf(last);
  const inner =
    thrown instanceof AggregateError && thrown.errors[0] instanceof Error ? `${thrown.errors[0].message} ` : "";
  return `${code}${inner}${thrown.message}`;
}

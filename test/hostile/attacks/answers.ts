/**
 * Answers that no service should give. `own` is the nonce of the request they are for; `foreign` is of no request: a
 * client that sees it got what was not meant for it.
 */
export interface HostileAnswer {
  readonly name: string;
  readonly write: (own: string, foreign: string) => string;
  /**
   * What the client may get: its own whole answer; nothing but a refusal of ours (502, 504); an answer that is visibly
   * cut off. Each is safe; several are listed where the bytes decide by their timing.
   */
  readonly client: readonly ("own" | "refused" | "cut")[];
  /** What the service does after these bytes. */
  readonly afterwards?: "fin" | "reset" | "endless" | "nothing";
  /** Written once the client has its answer and the connection lies idle. */
  readonly later?: (foreign: string) => string;
  /** true: the connection may be used again. Otherwise the proxy has to end it, soon. */
  readonly reusable?: boolean;
  /** Default: GET and POST. */
  readonly methods?: readonly string[];
}

export function whole(nonce: string, lines: readonly string[] = []): string {
  const body = `answer to ${nonce}`;
  return `HTTP/1.1 200 OK\r\n${[`x-nonce: ${nonce}`, ...lines].join("\r\n")}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function head(nonce: string, ...lines: string[]): string {
  return `HTTP/1.1 200 OK\r\nx-nonce: ${nonce}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
}

function chunked(nonce: string): string {
  const body = `answer to ${nonce}`;
  return `${head(nonce, "Transfer-Encoding: chunked")}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

const refusedFor = (name: string, write: HostileAnswer["write"]): HostileAnswer => ({
  name,
  write,
  client: ["refused"],
});

const LENGTHS = [
  "+5",
  "-5",
  "0x5",
  "5 5",
  "5,6",
  "5;",
  "five",
  "",
  "5\x0b",
  "18446744073709551616",
  "18446744073709551621",
  "9007199254740993999999",
  "99999999999999999999999999999999",
];
const ENCODINGS = [
  "xchunked",
  "chunked, identity",
  "x",
  "chunked, chunked",
  "\x0bchunked",
  "\xa0chunked",
  "chunked\xa0",
  "chunked;q=1",
  ",chunked",
];
const STATUS_LINES = [
  "garbage",
  "HTTP/1.1 abc OK",
  "HTTP/1.1 99 Low",
  "HTTP/1.1 1000 High",
  "HTTP/1.1 20 Short",
  "HTTP/1.1  200 OK",
  "HTTP/1.1 -200 OK",
  "HTTP/2.0 200 OK",
  "HTTP/0.9 200 OK",
  "HTTP/1.10 200 OK",
  "http/1.1 200 OK",
  "ICY 200 OK",
  "HTTP/1.1200 OK",
  "HTTP/1.1 200OK",
  " HTTP/1.1 200 OK",
  "GET /k/none HTTP/1.1",
  "HTTP/1.1 200 O\0K",
  "HTTP/1.1 200 O\rK",
  "HTTP/1.1 000 Zero",
];
const LINES = [
  "X: a\rb",
  "X: a\0b",
  "X: a\x01b",
  "X : a",
  ": a",
  "nonsense",
  "X\0: a",
  "X\x80: a",
  "Transfer-Encoding : chunked",
  "Content-Length : 0",
  "X: a\r\r",
];
const CHUNKS = [
  "+5\r\nhello\r\n0\r\n\r\n",
  "-5\r\nhello\r\n0\r\n\r\n",
  "0x5\r\nhello\r\n0\r\n\r\n",
  "10000000000000005\r\nhello\r\n0\r\n\r\n",
  "fffffffffffffffff\r\nhello\r\n",
  "g\r\nhello\r\n0\r\n\r\n",
  "\r\nhello\r\n0\r\n\r\n",
  "5\nhello\r\n0\r\n\r\n",
  "5\rhello\r\n0\r\n\r\n",
  "5\r\nhello0\r\n\r\n",
  "5\r\nhelloXX0\r\n\r\n",
  "5\r\nhello\n0\r\n\r\n",
  "5\r\nhello\r\n0\r\nnonsense\r\n\r\n",
  "5\r\nhello\r\n0\n\r\n",
  "5;a\nb\r\nhello\r\n0\r\n\r\n",
  " 5\r\nhello\r\n0\r\n\r\n",
  "5 5\r\nhello\r\n0\r\n\r\n",
];

export const ANSWERS: readonly HostileAnswer[] = [
  { name: "two answers in one packet", write: (own, foreign) => whole(own) + whole(foreign), client: ["own"] },
  { name: "two answers, the first in chunks", write: (own, foreign) => chunked(own) + whole(foreign), client: ["own"] },
  { name: "half an answer behind an answer", write: (own) => `${whole(own)}HTTP/1.1 200 OK\r\n`, client: ["own"] },
  { name: "one byte behind an answer", write: (own) => `${whole(own)}x`, client: ["own"] },
  { name: "a line end behind an answer", write: (own) => `${whole(own)}\r\n`, client: ["own"], reusable: true },
  { name: "an answer on an idle connection", write: (own) => whole(own), later: whole, client: ["own"] },
  { name: "one byte on an idle connection", write: (own) => chunked(own), later: () => "x", client: ["own"] },
  {
    name: "408 on an idle connection",
    write: (own) => whole(own),
    later: () => "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    client: ["own"],
  },
  { name: "a line end on an idle connection", write: (own) => whole(own), later: () => "\r\n", client: ["own"] },
  {
    name: "an interim answer on an idle connection",
    write: (own) => whole(own),
    later: () => "HTTP/1.1 100 Continue\r\n\r\n",
    client: ["own"],
  },
  {
    name: "two answers and close",
    write: (own, foreign) => whole(own, ["Connection: close"]) + whole(foreign),
    client: ["own"],
    afterwards: "fin",
  },
  {
    name: "two answers of HTTP/1.0",
    write: (own, foreign) => (whole(own) + whole(foreign)).replaceAll("HTTP/1.1", "HTTP/1.0"),
    client: ["own"],
  },
  {
    name: "304 with a body",
    write: (own, foreign) =>
      `HTTP/1.1 304 Not Modified\r\nx-nonce: ${own}\r\nContent-Length: 5\r\n\r\n${whole(foreign)}`,
    client: ["own"],
  },
  {
    name: "304 with chunks",
    write: (own) =>
      `HTTP/1.1 304 Not Modified\r\nx-nonce: ${own}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    client: ["own"],
  },
  {
    name: "204 with a body",
    write: (own, foreign) => `HTTP/1.1 204 No Content\r\nx-nonce: ${own}\r\nContent-Length: 5\r\n\r\n${whole(foreign)}`,
    client: ["own", "refused"],
  },
  {
    name: "HEAD with a body",
    write: (own, foreign) => whole(own) + whole(foreign),
    client: ["own"],
    methods: ["HEAD"],
  },
  { name: "HEAD with chunks", write: (own) => chunked(own), client: ["own"], methods: ["HEAD"] },
  {
    name: "304 with a length and no body",
    write: (own) => `HTTP/1.1 304 Not Modified\r\nx-nonce: ${own}\r\nContent-Length: 1234\r\n\r\n`,
    client: ["own"],
    reusable: true,
  },
  {
    name: "HEAD with a length and no body",
    write: (own) => head(own, "Content-Length: 1234"),
    client: ["own"],
    methods: ["HEAD"],
    reusable: true,
  },
  refusedFor(
    "a length and chunks",
    (own) => `${head(own, "Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`,
  ),
  refusedFor(
    "chunks and a length",
    (own) => `${head(own, "Transfer-Encoding: chunked", "Content-Length: 5")}0\r\n\r\n`,
  ),
  refusedFor("two lengths", (own) => `${head(own, "Content-Length: 5", "Content-Length: 6")}hello!`),
  {
    name: "one length twice",
    write: (own) => head(own, "Content-Length: 5", "Content-Length: 5") + "hello",
    client: ["own", "refused"],
    reusable: true,
  },
  ...LENGTHS.map((length) =>
    refusedFor(`Content-Length: ${JSON.stringify(length)}`, (own) => `${head(own, `Content-Length: ${length}`)}hello`),
  ),
  ...ENCODINGS.map((encoding): HostileAnswer => ({
    name: `Transfer-Encoding: ${JSON.stringify(encoding)}`,
    write: (own) => `${head(own, `Transfer-Encoding: ${encoding}`)}5\r\nhello\r\n0\r\n\r\n`,
    client: ["refused"],
  })),
  // Its coding goes on with it, and so does its end.
  ...["gzip, chunked", "deflate , chunked"].map((encoding): HostileAnswer => ({
    name: `Transfer-Encoding: ${encoding}`,
    write: (own) => `${head(own, `Transfer-Encoding: ${encoding}`)}5\r\nhello\r\n0\r\n\r\n`,
    client: ["own"],
    reusable: true,
  })),
  ...["gzip", "identity"].map((encoding): HostileAnswer => ({
    name: `Transfer-Encoding: ${encoding}, to the end`,
    write: (own) => `${head(own, `Transfer-Encoding: ${encoding}`)}hello`,
    afterwards: "fin",
    client: ["own"],
  })),
  refusedFor("two encodings", (own) => `${head(own, "Transfer-Encoding: x", "Transfer-Encoding: chunked")}0\r\n\r\n`),
  refusedFor("chunks of HTTP/1.0", (own) => chunked(own).replace("HTTP/1.1", "HTTP/1.0")),
  ...STATUS_LINES.map((line) =>
    refusedFor(
      `the status line ${JSON.stringify(line)}`,
      (own) => `${line}\r\nx-nonce: ${own}\r\nContent-Length: 5\r\n\r\nhello`,
    ),
  ),
  ...LINES.map((line) =>
    refusedFor(`the header line ${JSON.stringify(line)}`, (own) => `${head(own, line, "Content-Length: 5")}hello`),
  ),
  // Readable (RFC 9112, 2.2 and 5.2), and written anew for the client.
  {
    name: "lines that end with LF",
    write: (own) => whole(own).replaceAll("\r\n", "\n"),
    client: ["own"],
    reusable: true,
  },
  { name: "one line that ends with LF", write: (own) => whole(own, ["X: a\nY: b"]), client: ["own"], reusable: true },
  {
    name: "a folded line",
    write: (own) => whole(own, ["X: a\r\n b\r\n\tContent-Length: 3"]),
    client: ["own"],
    reusable: true,
  },
  refusedFor("a folded length", (own) => `${head(own, "Content-Length: 1\r\n 5")}hello`),
  refusedFor(
    "a first line that is folded",
    (own) => `HTTP/1.1 200 OK\r\n X: a\r\nx-nonce: ${own}\r\nContent-Length: 0\r\n\r\n`,
  ),
  { name: "TLS", write: () => "\x15\x03\x01\x00\x02\x02\x28", afterwards: "fin", client: ["refused"] },
  refusedFor("a head of a megabyte", (own) => head(own, `x: ${"v".repeat(1024 * 1024)}`, "Content-Length: 0")),
  refusedFor("a status line of a megabyte", () => `HTTP/1.1 200 ${"v".repeat(1024 * 1024)}\r\n\r\n`),
  { name: "an endless head", write: () => "HTTP/1.1 200 OK\r\n", afterwards: "endless", client: ["refused"] },
  {
    name: "endless interim answers",
    write: () => "HTTP/1.1 100 Continue\r\n\r\n",
    afterwards: "endless",
    client: ["refused"],
  },
  {
    name: "endless early hints",
    write: () => "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
    afterwards: "endless",
    client: ["refused", "cut"],
  },
  refusedFor(
    "101 that nobody asked for",
    (own, foreign) =>
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nx-nonce: ${own}\r\n\r\n${whole(foreign)}`,
  ),
  refusedFor("101 without Upgrade", () => "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
  refusedFor(
    "an interim answer with a body",
    (own) => `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello${whole(own)}`,
  ),
  {
    name: "an interim answer, then its own",
    write: (own) => `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${whole(own)}`,
    client: ["own"],
    reusable: true,
  },
  {
    name: "interim answers, then nonsense",
    write: () => "HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n\r\n",
    client: ["refused"],
  },
  ...CHUNKS.map((bytes): HostileAnswer => ({
    name: `the chunks ${JSON.stringify(bytes)}`,
    write: (own) => `${head(own, "Transfer-Encoding: chunked")}${bytes}`,
    client: ["cut", "refused"],
  })),
  {
    name: "a chunk extension of a megabyte",
    write: (own) => `${head(own, "Transfer-Encoding: chunked")}5;${"e".repeat(1024 * 1024)}\r\nhello\r\n0\r\n\r\n`,
    client: ["cut", "refused"],
  },
  {
    name: "trailers of a megabyte",
    write: (own) =>
      `${head(own, "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\nx: ${"t".repeat(1024 * 1024)}\r\n\r\n`,
    client: ["cut", "refused"],
  },
  ...["Content-Length: 0", "Transfer-Encoding: chunked", "x-nonce: forged", "Connection: close", "Set-Cookie: a=b"].map(
    (line): HostileAnswer => ({
      name: `the trailer ${line}`,
      write: (own) => `${head(own, "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n${line}\r\n\r\n`,
      client: ["own", "cut"],
      reusable: true,
    }),
  ),
  ...["content-length", "transfer-encoding", "x-nonce", "close, content-length", "*", ""].map(
    (option): HostileAnswer => ({
      name: `Connection: ${option}`,
      write: (own) => whole(own, [`Connection: ${option}`]),
      client: ["own"],
      reusable: true,
    }),
  ),
  ...["timeout=0", "timeout=-1", "timeout=99999999999999999999", "timeout", ""].map((value): HostileAnswer => ({
    name: `Keep-Alive: ${value}`,
    write: (own) => whole(own, [`Keep-Alive: ${value}`]),
    client: ["own"],
    reusable: true,
  })),
  {
    name: "a thousand headers",
    write: (own) =>
      whole(
        own,
        Array.from({ length: 1_000 }, (_, i) => `x-${i}: ${i}`),
      ),
    client: ["own"],
    reusable: true,
  },
  {
    name: "more headers than Node's parser keeps",
    write: (own) =>
      whole(
        own,
        Array.from({ length: 5_000 }, () => "a: b"),
      ),
    client: ["own", "refused"],
    reusable: true,
  },
  {
    name: "bytes beyond ASCII in a value",
    write: (own) => whole(own, ["x: caf\xc3\xa9 \xff"]),
    client: ["own"],
    reusable: true,
  },
  {
    name: "fewer bytes than announced, then the end",
    write: (own) => `${head(own, "Content-Length: 50")}hello`,
    afterwards: "fin",
    client: ["cut", "refused"],
  },
  {
    name: "fewer bytes than announced, then reset",
    write: (own) => `${head(own, "Content-Length: 50")}hello`,
    afterwards: "reset",
    client: ["cut", "refused"],
  },
  {
    name: "fewer bytes than announced, then silence",
    methods: ["GET"],
    write: (own) => `${head(own, "Content-Length: 50")}hello`,
    client: ["cut", "refused"],
  },
  {
    name: "chunks without an end, then the end",
    write: (own) => `${head(own, "Transfer-Encoding: chunked")}5\r\nhello\r\n`,
    afterwards: "fin",
    client: ["cut", "refused"],
  },
  {
    name: "a body to the end, then reset",
    write: (own) => `${head(own)}hello`,
    afterwards: "reset",
    client: ["cut", "refused"],
  },
  { name: "a body to the end", write: (own) => `${head(own)}hello`, afterwards: "fin", client: ["own"] },
  {
    name: "half a head, then the end",
    write: (own) => `HTTP/1.1 200 OK\r\nx-nonce: ${own}\r\n`,
    afterwards: "fin",
    client: ["refused"],
  },
  {
    name: "half a head, then reset",
    write: (own) => `HTTP/1.1 200 OK\r\nx-nonce: ${own}\r\n`,
    afterwards: "reset",
    client: ["refused"],
  },
  {
    name: "half a head, then silence",
    methods: ["POST"],
    write: (own) => `HTTP/1.1 200 OK\r\nx-nonce: ${own}\r\n`,
    client: ["refused"],
  },
  { name: "nothing, then the end", write: () => "", afterwards: "fin", client: ["refused"] },
  { name: "nothing, then reset", write: () => "", afterwards: "reset", client: ["refused"] },
  {
    name: "only an interim answer, then the end",
    write: () => "HTTP/1.1 100 Continue\r\n\r\n",
    afterwards: "fin",
    client: ["refused"],
  },
];

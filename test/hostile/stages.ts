/** How far a client gets before it breaks off. */
export interface ClientStage {
  readonly name: string;
  readonly sends: (nonce: string) => string;
  /** Whether what it sent is a whole request, which the primary may then see. */
  readonly whole: boolean;
}

const head = (nonce: string, ...lines: string[]): string =>
  `POST /k/${nonce} HTTP/1.1\r\nHost: h\r\nx-nonce: ${nonce}\r\n${lines.map((line) => `${line}\r\n`).join("")}`;

export const CLIENT_STAGES: readonly ClientStage[] = [
  { name: "before its head", sends: () => "", whole: false },
  { name: "within the request line", sends: (nonce) => `POST /k/${nonce}`, whole: false },
  { name: "within a header", sends: (nonce) => `${head(nonce)}Content-Len`, whole: false },
  { name: "before the end of its head", sends: (nonce) => head(nonce, "Content-Length: 5"), whole: false },
  { name: "after its head", sends: (nonce) => `${head(nonce, "Content-Length: 5")}\r\n`, whole: false },
  {
    name: "after a head that asks to continue",
    sends: (nonce) => `${head(nonce, "Content-Length: 5", "Expect: 100-continue")}\r\n`,
    whole: false,
  },
  { name: "within its body", sends: (nonce) => `${head(nonce, "Content-Length: 5")}\r\nhell`, whole: false },
  {
    name: "within a large body",
    sends: (nonce) => `${head(nonce, "Content-Length: 5000000")}\r\n${"x".repeat(2_000_000)}`,
    whole: false,
  },
  { name: "within a chunk size", sends: (nonce) => `${head(nonce, "Transfer-Encoding: chunked")}\r\n5`, whole: false },
  {
    name: "within a chunk",
    sends: (nonce) => `${head(nonce, "Transfer-Encoding: chunked")}\r\n5\r\nhel`,
    whole: false,
  },
  {
    name: "between chunks",
    sends: (nonce) => `${head(nonce, "Transfer-Encoding: chunked")}\r\n5\r\nhello\r\n`,
    whole: false,
  },
  {
    name: "within the last chunk",
    sends: (nonce) => `${head(nonce, "Transfer-Encoding: chunked")}\r\n5\r\nhello\r\n0\r\n`,
    whole: false,
  },
  {
    name: "within its trailers",
    sends: (nonce) => `${head(nonce, "Transfer-Encoding: chunked", "Trailer: x")}\r\n5\r\nhello\r\n0\r\nx: y`,
    whole: false,
  },
  { name: "after a whole request", sends: (nonce) => `${head(nonce, "Content-Length: 5")}\r\nhello`, whole: true },
  {
    name: "after a whole request in chunks",
    sends: (nonce) => `${head(nonce, "Transfer-Encoding: chunked")}\r\n5\r\nhello\r\n0\r\n\r\n`,
    whole: true,
  },
  {
    name: "within a second request",
    sends: (nonce) => `${head(nonce, "Content-Length: 5")}\r\nhelloGET /k/`,
    whole: true,
  },
];

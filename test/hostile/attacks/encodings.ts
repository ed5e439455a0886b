import { type Attack, get, refused, request } from "./attack.ts";

/** What some servers take for `chunked` and others do not. */
const SPELLINGS = [
  "xchunked",
  "chunkedx",
  "chunked, identity",
  "identity, chunked",
  "identity",
  "chunked, chunked",
  "chunked,",
  ",chunked",
  "gzip, chunked",
  "gzip",
  "chunked;q=1",
  "\x0bchunked",
  "chunked\x0b",
  "\x0cchunked",
  '"chunked"',
  "'chunked'",
  "chunked chunked",
  "chunk",
  "chunked\x00",
  "\xa0chunked",
  "chu\u00e7ked",
  "chunKED\x01",
  "",
] as const;

/** Refused by Node's parser. The others it reads as some coding or other: then it is ours to refuse them (RFC 9112, 6.1). */
const NOT_EVEN_READ: ReadonlySet<string> = new Set([
  "chunked, identity",
  "chunked, chunked",
  "chunked,",
  "\x0bchunked",
  "chunked\x0b",
  "\x0cchunked",
  "chunked\x00",
  "chunKED\x01",
  "",
]);

/** Ends after five bytes for one reader, after the empty chunk for another. */
const TWO_ENDS = "0\r\n\r\n";

export const ENCODINGS: readonly Attack[] = [
  ...SPELLINGS.map((spelling) =>
    refused(
      `Transfer-Encoding: ${JSON.stringify(spelling)}`,
      ({ a, x }) => request("POST", a, [`Transfer-Encoding: ${spelling}`], `${TWO_ENDS}${get(x)}`),
      NOT_EVEN_READ.has(spelling) ? 400 : 501,
    ),
  ),
  ...SPELLINGS.map((spelling) =>
    refused(`Transfer-Encoding: ${JSON.stringify(spelling)} and a length`, ({ a, x }) =>
      request("POST", a, ["Content-Length: 5", `Transfer-Encoding: ${spelling}`], `${TWO_ENDS}${get(x)}`),
    ),
  ),
  ...[
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "\tTransfer-Encoding: chunked",
    "Transfer-Encoding\x0b: chunked",
    "Transfer-Encoding\0: chunked",
    "Transfer Encoding: chunked",
  ].map((line) =>
    refused(JSON.stringify(line), ({ a, x }) =>
      request("POST", a, ["Content-Length: 5", line], `${TWO_ENDS}${get(x)}`),
    ),
  ),
  ...[
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "X:\nTransfer-Encoding: chunked",
    "Transfer-Encoding:\n chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding\r\n: chunked",
  ].map((line) =>
    refused(`${JSON.stringify(line)} and a length`, ({ a, x }) =>
      request("POST", a, ["Content-Length: 5", line], `${TWO_ENDS}${get(x)}`),
    ),
  ),
  refused("CL.TE", ({ a, x }) =>
    request(
      "POST",
      a,
      [`Content-Length: ${TWO_ENDS.length + get(x).length}`, "Transfer-Encoding: chunked"],
      `${TWO_ENDS}${get(x)}`,
    ),
  ),
  refused("TE.CL", ({ a, x }) => {
    const hidden = get(x);
    const size = hidden.length.toString(16);
    return request(
      "POST",
      a,
      ["Transfer-Encoding: chunked", `Content-Length: ${size.length + 2}`],
      `${size}\r\n${hidden}\r\n${TWO_ENDS}`,
    );
  }),
  refused("TE.TE, the second obfuscated", ({ a, x }) =>
    request("POST", a, ["Transfer-Encoding: chunked", "Transfer-Encoding: x"], `${TWO_ENDS}${get(x)}`),
  ),
  refused(
    "TE.TE, the first obfuscated",
    ({ a, x }) => request("POST", a, ["Transfer-Encoding: x", "Transfer-Encoding: chunked"], `${TWO_ENDS}${get(x)}`),
    501,
  ),
  refused("chunked twice", ({ a, x }) =>
    request("POST", a, ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], `${TWO_ENDS}${get(x)}`),
  ),
  refused(
    "HTTP/1.0 with chunks",
    ({ a, x }) =>
      `POST /k/${a} HTTP/1.0\r\nx-nonce: ${a}\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n${TWO_ENDS}${get(x)}`,
  ),
  refused("chunked with a tab around it", ({ a, x }) =>
    request("POST", a, ["Transfer-Encoding: \tchunked\t"], `${TWO_ENDS}${get(x)}`),
  ),
  {
    name: "chunked in another case, with blanks around",
    send: ({ a, b }) => request("POST", a, ["transfer-ENCODING:   CHUNKed  "], `5\r\nhello\r\n0\r\n\r\n${get(b)}`),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "an underscore in place of the dash",
    send: ({ a, b }) => request("POST", a, ["Content-Length: 5", "Transfer_Encoding: chunked"], `${TWO_ENDS}${get(b)}`),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "a GET with chunks that hold a request",
    send: ({ a, b, x }) =>
      request(
        "GET",
        a,
        ["Transfer-Encoding: chunked"],
        `${get(x).length.toString(16)}\r\n${get(x)}\r\n0\r\n\r\n${get(b)}`,
      ),
    served: "ab",
    answers: [200, 200],
  },
];

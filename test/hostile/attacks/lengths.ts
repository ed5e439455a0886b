import { type Attack, get, refused, request } from "./attack.ts";

/** Every spelling of a length that two servers could read as two lengths. */
const SPELLINGS = [
  "+5",
  "-5",
  "-0",
  "0x5",
  "5,5",
  "5, 5",
  "5;5",
  "5 5",
  "5.0",
  "5e0",
  "05 ,5",
  "five",
  "\t",
  "",
  "5\x0b",
  "\x0b5",
  "5\x0c",
  "\xa05",
  "5\xa0",
  "9007199254740993999999",
  "18446744073709551616",
  "18446744073709551621",
  "99999999999999999999999999999999",
  "1_0",
  "0b101",
  "0o5",
  '"5"',
  "5\x00",
] as const;

export const LENGTHS: readonly Attack[] = [
  ...SPELLINGS.map((spelling) =>
    refused(`Content-Length: ${JSON.stringify(spelling)}`, ({ a, x }) =>
      request("POST", a, [`Content-Length: ${spelling}`], `hello${get(x)}`),
    ),
  ),
  refused("two lengths", ({ a, x }) =>
    request("POST", a, ["Content-Length: 5", "Content-Length: 0"], `hello${get(x)}`),
  ),
  refused("two lengths, the other way", ({ a, x }) =>
    request("POST", a, ["Content-Length: 0", "Content-Length: 5"], `hello${get(x)}`),
  ),
  refused("one length twice", ({ a, x }) =>
    request("POST", a, ["Content-Length: 5", "Content-Length: 5"], `hello${get(x)}`),
  ),
  refused("one length twice in two cases", ({ a, x }) =>
    request("POST", a, ["Content-Length: 5", "content-length: 5"], `hello${get(x)}`),
  ),
  refused("space before the colon", ({ a, x }) => request("POST", a, ["Content-Length : 5"], `hello${get(x)}`)),
  refused("tab before the colon", ({ a, x }) => request("POST", a, ["Content-Length\t: 5"], `hello${get(x)}`)),
  refused("vertical tab before the colon", ({ a, x }) =>
    request("POST", a, ["Content-Length\x0b: 5"], `hello${get(x)}`),
  ),
  refused("space before the name", ({ a, x }) => request("POST", a, [" Content-Length: 5"], `hello${get(x)}`)),
  refused("NUL in the name", ({ a, x }) => request("POST", a, ["Content\0-Length: 5"], `hello${get(x)}`)),
  {
    name: "leading zeros are a number like another",
    send: ({ a, b }) => request("POST", a, ["Content-Length: 0000000000000000000005"], `hello${get(b)}`),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "blanks around it",
    send: ({ a, b }) => request("POST", a, ["Content-Length: \t 5 \t"], `hello${get(b)}`),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "an underscore in place of the dash is another header",
    send: ({ a, b }) => request("POST", a, ["Content_Length: 40"], get(b)),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "a GET with a body that looks like a request",
    send: ({ a, b, x }) => request("GET", a, [`Content-Length: ${get(x).length}`], `${get(x)}${get(b)}`),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "a HEAD and a DELETE with such bodies",
    send: ({ a, b, x }) =>
      request("HEAD", a, [`Content-Length: ${get(x).length}`], get(x)) +
      request("DELETE", b, [`Content-Length: ${get(x).length}`], get(x)),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "a length of zero with a request behind it",
    send: ({ a, b }) => request("POST", a, ["Content-Length: 0"], get(b)),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "no length: what follows is a request of its own",
    send: ({ a, b }) => request("POST", a, [], get(b)),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "HTTP/1.0 with a length",
    send: ({ a, x }) => `POST /k/${a} HTTP/1.0\r\nx-nonce: ${a}\r\nContent-Length: 5\r\n\r\nhello${get(x)}`,
    served: "a",
    answers: [200],
    ends: true,
  },
];

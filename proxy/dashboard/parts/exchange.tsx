import type { JSX } from "preact";
import { printable } from "../../controls.ts";
import type { PairBody, PairMessage, StoredPair } from "../../evidence/stored-pair.ts";
import { isWithin, prettyJson } from "../pretty.ts";
import { Told } from "./text.tsx";
import { Value } from "./value.tsx";

/** The request and both answers as they were kept, redacted; lines of places that differ are marked. */
export function Exchange({ pair }: { readonly pair: StoredPair }): JSX.Element {
  const { request, primary, shadow, differences } = pair;
  const places = differences
    .filter(({ kind, at }) => kind !== "status" && !at.startsWith("header:"))
    .map(({ at }) => at);
  const headers = differences.flatMap(({ at }) => (at.startsWith("header:") ? at.slice("header:".length) : []));
  return (
    <div class="exchange">
      <section class="message" aria-label="Request">
        <h4>Request</h4>
        <Message
          label="Headers and body of the request"
          first={`${request.method} ${request.target}`}
          message={request}
          places={[]}
          headers={[]}
        />
      </section>
      {[[primary, "primary"] as const, [shadow, "shadow"] as const].map(([answer, role]) => (
        <section key={role} class="message" aria-label={`Answer of ${answer.service}, the ${role}`}>
          <h4>
            <Told text={answer.service} /> ({role})
          </h4>
          <Message
            label={`Headers and body of the ${role}'s answer`}
            first={String(answer.status)}
            message={answer}
            places={places}
            headers={headers}
          />
        </section>
      ))}
    </div>
  );
}

function Message({
  label,
  first,
  message,
  places,
  headers,
}: {
  readonly label: string;
  readonly first: string;
  readonly message: PairMessage;
  readonly places: readonly string[];
  readonly headers: readonly string[];
}): JSX.Element {
  const lines: [name: string, value: string][] = [];
  for (let i = 0; i + 1 < message.headers.length; i += 2)
    lines.push([message.headers[i] as string, message.headers[i + 1] as string]);
  return (
    <div class="scroller" role="region" aria-label={label} tabIndex={0}>
      <p class="mono">
        <Value text={first} beside={null} />
      </p>
      <ul class="plain mono headers">
        {lines.map(([name, value], i) => (
          <li key={i} class={headers.includes(name.toLowerCase()) ? "differs" : ""}>
            <span class="quiet">{printable(name)}:</span> <Value text={value} beside={null} />
          </li>
        ))}
      </ul>
      <Body body={message.body} places={places} />
      {message.redacted.length > 0 && (
        <p class="quiet">
          Redacted in it: <Told text={message.redacted.join(", ")} />
        </p>
      )}
    </div>
  );
}

/** More would not be read, and would be slow to lay out. */
const LINES_SHOWN = 2_000;

function Body({ body, places }: { readonly body: PairBody; readonly places: readonly string[] }): JSX.Element {
  if (!("text" in body)) {
    const why = body.leftOut === "binary" ? "it is no text" : "what is secret in it could not be told apart";
    return (
      <p class="quiet">
        {body.bytes} bytes were left out: {why}. Their digest: <code>{body.digest}</code>
      </p>
    );
  }
  if (body.text === "") return <p class="quiet">no body</p>;
  const pretty = prettyJson(body.text);
  const lines = pretty ?? body.text.split("\n").map((text) => ({ at: null, depth: 0, text }));
  const more = lines.length - LINES_SHOWN;
  return (
    <>
      <ol class="plain mono body">
        {lines.slice(0, LINES_SHOWN).map(({ at, depth, text }, i) => (
          <li
            key={i}
            class={at !== null && isWithin(at, places) ? "differs" : ""}
            // Set by script: the policy of the page allows no style in the markup.
            style={{ paddingLeft: `${depth + 0.6}em` }}
          >
            <Value text={text} beside={null} />
          </li>
        ))}
      </ol>
      {more > 0 && <p class="quiet">And {more} more lines.</p>}
    </>
  );
}

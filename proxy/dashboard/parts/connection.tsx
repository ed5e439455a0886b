import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { plural } from "../../admin/sentences.ts";
import { useLive } from "../state.tsx";
import { Mark } from "./notice.tsx";
import { spellTime } from "./text.tsx";

/** Whether what is shown is of now. It is told when that changes, and not with every second. */
export function ConnectionState(): JSX.Element {
  const { connection, status } = useLive();
  const { state } = connection;
  return (
    <div class={`connection is-${state}`}>
      <span role="status">
        {state === "live" && (
          <span class="live">
            <Mark tone="good" /> live
          </span>
        )}
        {state === "connecting" && "connecting"}
        {state === "signed-out" && "a token is needed"}
        {state === "lost" && (
          <>
            <Mark tone="bad" />{" "}
            <strong>
              {status === null
                ? `No connection: ${connection.why}.`
                : `Connection lost: ${connection.why}. The figures are of ${spellTime(status.time)}.`}
            </strong>
          </>
        )}
      </span>
      {state === "lost" && <Retry at={connection.retryAt} />}
    </div>
  );
}

function Retry({ at }: { readonly at: number }): JSX.Element {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((at - now) / 1000);
  return <span class="quiet"> {seconds > 0 ? `Trying again in ${plural(seconds, "second")}.` : "Trying again."}</span>;
}

import type { JSX } from "preact";
import { useContext, useState } from "preact/hooks";
import { keepToken } from "../client.ts";
import { Notice } from "../parts/notice.tsx";
import { Live } from "../state.tsx";

/** The token is kept for as long as this tab lives, and never stands in an address. */
export function SignIn({ refused }: { readonly refused: boolean }): JSX.Element {
  const live = useContext(Live);
  const [token, setToken] = useState("");
  const enter = (event: Event): void => {
    event.preventDefault();
    keepToken(token.trim());
    setToken("");
    live.start();
  };
  return (
    <div class="sign-in card">
      <h1>This listener asks for a token</h1>
      <form onSubmit={enter}>
        <label for="token">
          Token, one of <code>admin.tokens</code> in the config
        </label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
          aria-describedby="token-kept"
        />
        <button type="submit">Show the dashboard</button>
        <p id="token-kept" class="quiet">
          Kept in this tab until it is closed. The role read shows figures and causes, bodies whole exchanges as well,
          operate may change things.
        </p>
      </form>
      <div role="alert">{refused && <Notice tone="bad">That token is not known here.</Notice>}</div>
    </div>
  );
}

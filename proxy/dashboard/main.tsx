import { render } from "preact";
import "./style/base.css";
import "./style/parts.css";
import "./style/evidence.css";
import { App } from "./app.tsx";
import { LiveStatus } from "./live.ts";
import { Live } from "./state.tsx";

const live = new LiveStatus();
live.start();
const root = document.getElementById("app");
if (root === null) throw new Error("page.html has no #app");
render(
  <Live.Provider value={live}>
    <App />
  </Live.Provider>,
  root,
);

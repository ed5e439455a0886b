/** Inline style and script of the status page: it asks nobody but this listener for anything. */

export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #8886; --bad: light-dark(#b3261e, #ff8a80); --good: light-dark(#1b7f3b, #6fcf8b); --mild: light-dark(#3367d6, #8ab4f8); --warn: light-dark(#a15c00, #ffb74d); --none: light-dark(#9aa0a6, #80868b); }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 1rem; background: Canvas; color: CanvasText; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 1.75rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
thead th, caption { font-weight: 600; font-size: .85rem; text-align: left; }
caption { font-weight: 400; padding: .25rem 0; }
.wide { overflow-x: auto; }
.tight { white-space: nowrap; }
.quiet { opacity: .75; font-size: .9rem; }
.warnings li { color: var(--bad); }
.bar { display: block; width: 100%; min-width: 8rem; height: 6px; margin: .5rem 0 .25rem; background: var(--none); }
.o-match { fill: var(--good); } .o-ignored { fill: var(--mild); } .o-divergent { fill: var(--bad); }
.o-shadow-error, .o-shadow-timeout, .o-dropped, .o-unknown { fill: var(--warn); } .o-skipped, .o-pending { fill: var(--none); }
#stale { color: var(--bad); font-weight: 600; }
a { color: LinkText; } input, button { font: inherit; padding: .25rem .5rem; }
`;

/** Every 5 s the page is fetched again and its main part exchanged; a token, where one is needed, lives in the tab's session. */
export const PAGE_SCRIPT = `
const KEY = "crossfade-token";
async function refresh() {
  const token = sessionStorage.getItem(KEY);
  const answer = await fetch("/", { headers: token ? { authorization: "Bearer " + token } : {}, cache: "no-store" });
  if (answer.status === 401) sessionStorage.removeItem(KEY);
  if (!answer.ok) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  if (fresh) document.querySelector("main").replaceWith(document.adoptNode(fresh));
  return true;
}
const form = document.getElementById("sign-in");
if (form) form.addEventListener("submit", async (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, document.getElementById("token").value);
  if (!(await refresh())) document.getElementById("refused").hidden = false;
});
if (form && sessionStorage.getItem(KEY)) refresh();
setInterval(() => {
  const busy = document.hidden || document.getElementById("sign-in") || String(getSelection());
  if (!busy) refresh().then((fresh) => stale(!fresh), () => stale(true));
}, 5000);
function stale(yes) {
  document.getElementById("stale").hidden = !yes;
}
`;

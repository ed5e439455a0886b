import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeHtml, html } from "../../../proxy/admin/html.ts";
import { renderPage, renderSignIn } from "../../../proxy/admin/page.ts";
import { buildStatusView } from "../../../proxy/admin/status-view.ts";
import {
  sampleDivergence,
  sampleGroup,
  sampleRouteState,
  sampleSettings,
  sampleStatusInput,
} from "../../support/admin-parts.ts";

const HOSTILE = `</main></script><script>alert(1)</script><img src=x onerror="alert('2')">\`&\u0000\u001b[2J`;

test("everything in a template is escaped but the template itself", () => {
  assert.equal(escapeHtml(`<a href="x" b='y'>&\``), "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&#96;");
  assert.equal(html`<i>${"<b>"}</i>${html`<u>${1}</u>`}${[html`a`, html`b`]}`.text, "<i>&lt;b&gt;</i><u>1</u>ab");
  assert.equal(escapeHtml("a\u0000b\u001bc\u0085d\n\te"), "a\ufffdb\ufffdc\ufffdd\n\te");
});

test("no text from requests, services or the config becomes markup", () => {
  const sample = sampleDivergence({
    path: HOSTILE,
    method: HOSTILE,
    differences: [{ at: HOSTILE, kind: "value", primary: HOSTILE, shadow: HOSTILE }],
    primary: { service: HOSTILE, status: 200, ms: 1, bytes: 1 },
  });
  const input = sampleStatusInput({
    warnings: [HOSTILE],
    routes: [sampleRouteState({ name: HOSTILE, primary: HOSTILE, shadow: HOSTILE })],
    config: { file: HOSTILE, revision: 1, error: HOSTILE },
  });
  const page = renderPage({
    status: buildStatusView(input, sampleSettings(), HOSTILE),
    groups: [
      {
        group: {
          ...sampleGroup({ id: HOSTILE, route: HOSTILE, method: HOSTILE, signature: [{ at: HOSTILE, kind: "value" }] }),
          ownDisagreements: [{ at: HOSTILE, askedTwice: 2, differedWithItself: 1 }],
        },
        sample,
      },
    ],
    groupsProblem: null,
    nonce: "bm9uY2U=",
  });
  assert.equal(page.match(/<script/g)?.length, 1);
  assert.equal(page.match(/<\/main>/g)?.length, 1);
  assert.doesNotMatch(page, /<img|onerror="/);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(page, /[\u0000-\u0008\u001b]/);
});

test("the page opens with the sentence that matters and asks nobody else for anything", () => {
  const status = buildStatusView(sampleStatusInput(), sampleSettings(), "0.1.0");
  const page = renderPage({ status, groups: [], groupsProblem: null, nonce: "n" });
  assert.ok(page.includes(`<main><h1>${status.summary}</h1>`));
  assert.doesNotMatch(page, /https?:\/\//);
  assert.match(page, /18,205 writes = 18,011 match \+ 150 excused \+ 31 divergent/);
});

test("values that are too long for the page are cut", () => {
  const long = "x".repeat(100_000);
  const status = buildStatusView(sampleStatusInput(), sampleSettings(), "0.1.0");
  const sample = sampleDivergence({ differences: [{ at: "/a", kind: "value", primary: long, shadow: null }] });
  const group = { ...sampleGroup(), ownDisagreements: [{ at: "/a", askedTwice: 40, differedWithItself: 38 }] };
  const page = renderPage({ status, groups: [{ group, sample }], groupsProblem: null, nonce: "n" });
  assert.ok(page.length < 20_000);
  assert.match(page, /<code>absent<\/code>/);
  assert.match(page, /Asked the same twice, the primary differs with itself at \/a in 38 of 40 reads\./);
});

test("a store that cannot be asked leaves the rest of the page as it is", () => {
  const status = buildStatusView(sampleStatusInput(), sampleSettings(), "0.1.0");
  const page = renderPage({ status, groups: null, groupsProblem: "the disk is <gone>", nonce: "n" });
  assert.match(page, /Not to be had now: the disk is &lt;gone&gt;/);
  assert.match(page, /18,205 writes/);
});

test("the sign-in page has a field for the token and no data", () => {
  const page = renderSignIn("n");
  assert.match(page, /<input id="token" type="password"/);
  assert.match(page, /<label for="token">/);
});

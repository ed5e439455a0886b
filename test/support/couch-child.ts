/** pouchdb-server's own server side, databases in memory: started by couch.ts, ended with its channel. */
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { PouchStatic } from "./couch.ts";

const require = createRequire(import.meta.url);
const PouchDB = require("pouchdb-core") as PouchStatic;
PouchDB.plugin(require("pouchdb-adapter-memory"));
PouchDB.plugin(require("pouchdb-replication"));

type ExpressPouchDB = (
  pouch: PouchStatic,
  options: { readonly mode: string; readonly overrideMode: { readonly include: readonly string[] } },
) => Parameters<typeof createServer>[1];
const expressPouchDB = require("express-pouchdb") as ExpressPouchDB;

const app = expressPouchDB(PouchDB.defaults({ adapter: "memory" }), {
  mode: "minimumForPouchDB",
  overrideMode: { include: ["routes/find"] },
});
const server = createServer(app);
server.listen(0, "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once("disconnect", () => process.exit());

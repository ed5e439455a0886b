/** http-proxy as its documentation shows it, with connections kept alive: forwards, mirrors nothing. Argument: the origin. */
import { Agent, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import httpProxy from "http-proxy";

const [origin = ""] = process.argv.slice(2);
const proxy = httpProxy.createProxyServer({ target: origin, agent: new Agent({ keepAlive: true }) });
proxy.on("error", (error) => console.error(error.message));
const server = createServer((request, response) => proxy.web(request, response));
server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.once("disconnect", () => process.exit());

/** @fastify/http-proxy as its documentation shows it: forwards, mirrors nothing. Argument: the origin. */
import httpProxy from "@fastify/http-proxy";
import Fastify from "fastify";

const [origin = ""] = process.argv.slice(2);
const app = Fastify();
await app.register(httpProxy, { upstream: origin });
console.log(`ready ${await app.listen({ port: 0, host: "127.0.0.1" })}`);
process.once("disconnect", () => process.exit());

import { Agent, request } from "undici";

/**
 * A PUT as HTTP clients send it (RFC 9112, 9.3.1): a kept connection may be closed in the moment in which it is used again,
 * and nginx closes those that idle when it is reloaded; then the request goes over another one.
 */
export async function put(url: string, dispatcher: Agent, body = "{}"): Promise<{ readonly statusCode: number }> {
  const options = { method: "PUT", body, headers: { "content-type": "application/json" }, dispatcher } as const;
  for (;;) {
    try {
      const answer = await request(url, options);
      await answer.body.dump();
      return { statusCode: answer.statusCode };
    } catch (error) {
      if ((error as { code?: string }).code !== "UND_ERR_SOCKET") throw error;
    }
  }
}

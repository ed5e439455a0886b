/** HAR files as browsers write them. */
export interface HarEntry {
  readonly method?: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly postData?: object;
  readonly bodySize?: number;
}

export function harEntry({ method = "GET", url, headers = {}, ...rest }: HarEntry): object {
  return {
    startedDateTime: "2026-11-22T12:00:00.000Z",
    time: 12,
    request: {
      method,
      url,
      httpVersion: "h2",
      headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
      queryString: [],
      cookies: [],
      headersSize: -1,
      bodySize: 0,
      ...rest,
    },
    // What looks like a request here is none, and its brackets and quotes count for nothing.
    response: { status: 200, content: { size: 30, text: '{"request":{"method":"DELETE"},"a":"\\"]}"}' } },
    cache: {},
    timings: { send: 0, wait: 12, receive: 0 },
  };
}

export function harText(entries: readonly object[]): string {
  const creator = { name: "test", version: "1", entries: [{ request: 1 }] };
  return JSON.stringify({ log: { version: "1.2", creator, pages: [], entries, comment: "" } }, null, 1);
}

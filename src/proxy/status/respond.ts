/** A small HTTP server on our own engine, so that the sidecar need not load node:http for its own pages. */
import type {
  MessageReader,
  MessageWriter,
  RequestAcceptor,
  RequestHead,
  ResponseHead,
} from "../../protocol/exchange.ts";

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Answers a request for a page; bodies of requests are read and dropped. */
export type Pages = (method: string, path: string) => Promise<Page>;

export function servePages(pages: Pages): RequestAcceptor {
  return {
    onRequest(head, _end, response) {
      const [path = ""] = head.path.split("?", 1);
      void answer(pages, head, path, response);
      return new DroppedBody(response);
    },
  };
}

export function plainPage(status: number, body: string): Page {
  return { status, contentType: "text/plain; charset=utf-8", body: `${body}\n` };
}

export function jsonPage(value: unknown): Page {
  return {
    status: 200,
    contentType: "application/json",
    body: `${JSON.stringify(value, null, 2)}\n`,
  };
}

async function answer(
  pages: Pages,
  head: RequestHead,
  path: string,
  response: MessageWriter<ResponseHead>,
): Promise<void> {
  const page = await pages(head.method, path).catch((error: unknown) =>
    plainPage(500, `internal: ${(error as Error).message}`),
  );
  const body = Buffer.from(page.body);
  const length = String(body.length);
  const headers = ["content-type", page.contentType, "content-length", length];
  const bodiless = head.method === "HEAD";
  response.head({ status: page.status, headers }, bodiless);
  if (!bodiless) response.data(body, true);
}

class DroppedBody implements MessageReader<RequestHead> {
  readonly #response: MessageWriter<ResponseHead>;

  constructor(response: MessageWriter<ResponseHead>) {
    this.#response = response;
  }

  onHead(): void {}
  onData(chunk: Uint8Array): void {
    this.#response.grant(chunk.length);
  }
  onTrailers(): void {}
  onReset(): void {}
  onCredit(): void {}
}

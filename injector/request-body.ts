/** The body of a request, as far as it may be kept. */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";

/** Bytes that all requests together hold; whoever comes above that is turned away. */
export interface BodyBudget {
  free: number;
}

export type RequestBody =
  | { readonly kind: "whole"; readonly bytes: Buffer }
  | { readonly kind: "too_large" | "no_room" | "cut" };

/** Answers as soon as it is known; what still comes of a refused body is read and thrown away. Never rejects. */
export function readBody(
  request: IncomingMessage | Http2ServerRequest,
  limit: number,
  budget: BodyBudget,
): Promise<RequestBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (body: RequestBody): void => {
      budget.free += size;
      size = 0;
      chunks.length = 0;
      request.off("data", take);
      request.resume();
      resolve(body);
    };
    const take = (chunk: Buffer): void => {
      if (size + chunk.length > limit) return finish({ kind: "too_large" });
      if (chunk.length > budget.free) return finish({ kind: "no_room" });
      budget.free -= chunk.length;
      size += chunk.length;
      chunks.push(chunk);
    };
    if (Number(request.headers["content-length"]) > limit) return finish({ kind: "too_large" });
    request.on("data", take);
    request.once("end", () => finish({ kind: "whole", bytes: Buffer.concat(chunks) }));
    request.once("error", () => finish({ kind: "cut" }));
    request.once("close", () => finish({ kind: "cut" }));
  });
}

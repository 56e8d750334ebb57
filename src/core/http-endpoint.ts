/** The small HTTP server for Prometheus and the kubelet: `/metrics`, `/ready`, `/live`. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { SocketAddress } from "./address.ts";
import type { MetricsText } from "./metrics-text.ts";

export interface HttpEndpoint {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects when the address cannot be bound. */
export async function listenHttpEndpoint(
  address: SocketAddress,
  metrics: MetricsText,
  isReady: () => boolean,
): Promise<HttpEndpoint> {
  const server = createServer(
    { requestTimeout: 5_000, maxHeaderSize: 8_192 },
    (request, response) => {
      request.resume();
      const path = request.url?.split("?", 1)[0];
      const answer = (status: number, text: string, type = "text/plain; charset=utf-8"): void => {
        response.writeHead(status, { "content-type": type }).end(text);
      };
      if (request.method !== "GET" && request.method !== "HEAD") answer(405, "only GET\n");
      else if (path === "/live") answer(200, "live\n");
      else if (path === "/ready") {
        const ready = isReady();
        answer(ready ? 200 : 503, ready ? "ready\n" : "not ready\n");
      } else if (path === "/metrics") {
        metrics.render().then(
          (text) => answer(200, text, metrics.contentType),
          () => answer(500, "metrics failed\n"),
        );
      } else answer(404, "not found\n");
    },
  );
  await listen(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, address: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address.ip, port: address.port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Log lines of one pod as a response: what is kept, and with `follow` what comes. */
import type { ServerResponse } from "node:http";
import type { LogLine } from "../log-book.ts";
import type { Mesh } from "../mesh.ts";
import { UserError } from "../user-error.ts";

type Query = (name: string) => string | undefined;

const maxUnread = 4 * 1024 * 1024;

/** `target`, `namespace`, `container` (default: the first app), `all`, `tail`, `follow`. */
export function streamLogs(mesh: Mesh, query: Query, response: ServerResponse): void {
  const { pod } = mesh.find(query("target") ?? "", query("namespace")).running;
  const { name, namespace = "default" } = pod.metadata;
  const known = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((one) => one.name);
  const wanted = query("container") ?? pod.spec.containers[0]?.name ?? "";
  const all = query("all") !== undefined;
  if (!all && !known.includes(wanted)) {
    throw new UserError(`pod ${name} has no container "${wanted}"`, `it has ${known.join(", ")}`);
  }
  const chosen = all ? known : [wanted];
  const format = (line: LogLine): string => {
    return all ? `${line.container} | ${line.text}\n` : `${line.text}\n`;
  };
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  const lines = chosen.flatMap((container) => mesh.logs.read({ namespace, pod: name, container }));
  const tail = query("tail");
  const kept = tail === undefined ? lines : lines.slice(Math.max(0, lines.length - Number(tail)));
  response.write(kept.map(format).join(""));
  if (query("follow") === undefined) {
    response.end();
    return;
  }
  const stop = mesh.logs.follow((line) => {
    const fits = line.pod === name && line.namespace === namespace;
    if (!fits || !chosen.includes(line.container)) return;
    response.write(format(line));
    // A reader that does not read must not make the mesh keep its lines for it.
    if (response.writableLength > maxUnread) response.destroy();
  });
  response.on("close", stop);
  mesh.onStop(() => response.end());
  void mesh.find(name, namespace).running.finished.then(() => response.end());
}

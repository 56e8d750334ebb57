/** Connects to an address that nobody has and looks whether the connection comes out at the sidecar's port. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { seconds } from "../core/duration.ts";
import { originalDestination } from "../core/ffi/socket-calls.ts";
import type { RulesetConfig } from "./ruleset.ts";

export type CheckResult =
  | { readonly kind: "passed" }
  /** The check says nothing here, because… */
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Addresses for documentation (RFC 5737, RFC 3849): should the rule not work, nobody gets the connection. */
const targets = {
  IPv4: { listen: "127.0.0.1", ip: "198.51.100.1" },
  IPv6: { listen: "::1", ip: "2001:db8::1" },
} as const;

/** A redirected connection stays on the machine: it takes microseconds. */
const answerTimeout = seconds(1);
/** No route, no such address family, an address that this host does not have. */
const noNetwork: ReadonlySet<string> = new Set([
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
]);

/** Tries one IP version; the outbound port must be free for the moment. */
export async function checkRedirection(
  family: "IPv4" | "IPv6",
  config: RulesetConfig,
): Promise<CheckResult> {
  if (process.getuid?.() === config.proxyUid || process.getgid?.() === config.proxyUid) {
    return { kind: "skipped", reason: "this process runs as the sidecar's user" };
  }
  const port = findCapturedPort(config);
  if (port === undefined) return { kind: "skipped", reason: "every port is exempt" };
  const server = createServer();
  try {
    server.listen(config.outboundPort, targets[family].listen);
    await once(server, "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") return { kind: "skipped", reason: "the sidecar runs already" };
    return { kind: "skipped", reason: `cannot listen: ${code}` };
  }
  try {
    return await tryConnection(family, server, port);
  } finally {
    server.close();
  }
}

async function tryConnection(
  family: "IPv4" | "IPv6",
  server: Server,
  port: number,
): Promise<CheckResult> {
  const { ip } = targets[family];
  const client = connect({ host: ip, port });
  try {
    const accepted = once(server, "connection", { signal: AbortSignal.timeout(answerTimeout) });
    const refused = once(client, "error").then(([error]) => error as NodeJS.ErrnoException);
    const first = await Promise.race([accepted, refused]);
    if (first instanceof Error) {
      accepted.catch(() => undefined);
      if (noNetwork.has(first.code ?? "")) {
        return { kind: "skipped", reason: `no ${family} route` };
      }
      return { kind: "failed", reason: `a test connection ended with ${first.code}` };
    }
    return judge(family, first[0] as Socket, port);
  } catch {
    return { kind: "failed", reason: `a test connection did not arrive at the sidecar's port` };
  } finally {
    client.destroy();
  }
}

function judge(family: "IPv4" | "IPv6", socket: Socket, port: number): CheckResult {
  // Node's handle is the only way to the descriptor of a socket.
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const destination = originalDestination(fd, family);
  socket.destroy();
  if (destination?.ip === targets[family].ip && destination.port === port) {
    return { kind: "passed" };
  }
  return { kind: "failed", reason: "the kernel does not tell the original destination" };
}

/** A port that is not exempt. */
function findCapturedPort(config: RulesetConfig): number | undefined {
  for (let port = 80; port <= 65_535; port += 1) {
    const exempt = config.skipOutboundPorts.some((range) => range.from <= port && port <= range.to);
    if (!exempt) return port;
  }
  return undefined;
}

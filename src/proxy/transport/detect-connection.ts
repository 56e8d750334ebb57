/**
 * Finds out what a client speaks, without ever making it wait: while we look at its first bytes, the server is already
 * connected, and when the server speaks first the connection is opaque at once.
 */
import { type Millis, millis } from "../../core/duration.ts";
import { detect } from "../../protocol/detect.ts";
import type { PeekEngine } from "./peek.ts";
import type { HeldTunnel, TunnelEvents } from "./tunnel.ts";

export type Spoken =
  | { readonly kind: "http1" }
  | { readonly kind: "http2" }
  /** `tunnel` is the connection that was made while we waited; undefined when none was. */
  | { readonly kind: "opaque"; readonly tunnel: HeldTunnel | undefined; readonly why: OpaqueReason }
  | { readonly kind: "gone" };

export type OpaqueReason = "declared" | "learned" | "server-first" | "client-bytes" | "no-bytes";

/**
 * Bytes that may still become a protocol we know are waited for so long. A client that sent half a request line and
 * waits for an answer speaks something else.
 */
const undecidedMillis = 100;

/**
 * For `detectConnection` where there is no server that could greet: a client that waits for its greeting learns after this
 * time that there is none, and one of HTTP has had the time to ask and to be told why.
 */
export const silencePatience: Millis = millis(1_000);

/** Opens the opaque way to the server; a failure is told by `onServerGone`. */
export type OpenTunnel = (events: TunnelEvents, opened: (tunnel: HeldTunnel) => void) => void;

/**
 * `openTunnel` is undefined where a declaration or an earlier connection says that the client speaks first, and where
 * the server must not be connected; a client that has said nothing after `patience` is then taken to say nothing.
 */
export async function detectConnection(
  peek: PeekEngine,
  openTunnel: OpenTunnel | undefined,
  patience?: Millis,
): Promise<Spoken> {
  const { promise, resolve } = Promise.withResolvers<Spoken>();
  let tunnel: HeldTunnel | undefined;
  let opening = openTunnel !== undefined;
  let decided = false;
  let waitingFor: OpaqueReason | undefined;
  let timer: NodeJS.Timeout | undefined;
  const decide = (spoken: Spoken): void => {
    if (decided) return;
    decided = true;
    clearTimeout(timer);
    peek.events = undefined;
    if (spoken.kind !== "opaque") tunnel?.discard();
    resolve(spoken);
  };
  // A server must not see one connection that comes to nothing beside the one that is used.
  const opaque = (why: OpaqueReason): void => {
    if (opening) waitingFor ??= why;
    else decide({ kind: "opaque", tunnel, why });
  };
  const look = (seen: Buffer): void => {
    const protocol = detect(seen);
    if (protocol === "http1" || protocol === "http2") decide({ kind: protocol });
    else if (protocol !== undefined) opaque("client-bytes");
    else timer ??= setTimeout(() => opaque("client-bytes"), undecidedMillis);
  };
  peek.events = {
    onBytes: look,
    onEnd: () => opaque("no-bytes"),
    onClosed: () => decide({ kind: "gone" }),
  };
  const opened = (made: HeldTunnel | undefined): void => {
    tunnel = made;
    opening = false;
    if (decided) made?.discard();
    else if (waitingFor !== undefined) opaque(waitingFor);
  };
  openTunnel?.(
    {
      onServerFirst: () => opaque("server-first"),
      onServerGone() {
        if (opening) opened(undefined);
        opaque("no-bytes");
      },
      // What the client says decides. If it is not HTTP, a tunnel of its own is refused like this one.
      onRequestsOnly() {
        if (opening) opened(undefined);
        else tunnel = undefined;
      },
    },
    opened,
  );
  if (patience !== undefined) timer = setTimeout(() => opaque("no-bytes"), patience);
  if (peek.reset !== undefined) decide({ kind: "gone" });
  else if (peek.seen.length > 0) look(peek.seen);
  else if (peek.ended) opaque("no-bytes");
  return await promise;
}

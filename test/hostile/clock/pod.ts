/**
 * `pod.ts IP PORT`: a sidecar's data path in front of an application of its own. It says what a peer needs to connect, answers
 * each message with what it believes and counted, and runs under a clock that the test moves.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { formatSpiffeId } from "../../../src/core/spiffe-id.ts";
import {
  createTestAuthority,
  issueTestLeaf,
  startTestPod,
  trustDomain,
} from "../../proxy/mesh-pair.ts";

const [, , ip = "", port = ""] = process.argv;
const authority = createTestAuthority();
const pod = await startTestPod({ ip, serviceAccount: "server", authority });
const app = createServer((_request, response) => void response.end("here\n"));
await once(app.listen(Number(port), ip), "listening");
const id = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "peer" });
const { key, cert } = issueTestLeaf(authority, id, 1_200_000);
const handshakes = (result: string): number =>
  pod.families.handshakes.series("inbound", result).value;
process.on("message", () => {
  process.send?.({ time: Date.now(), ok: handshakes("ok"), failed: handshakes("failed") });
});
process.send?.({ key, cert, ca: authority.pem });

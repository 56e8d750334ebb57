/** `pod.ts IP PORT`: a sidecar's data path in front of an application of its own, with an access log on standard output. */
import { once } from "node:events";
import { createServer } from "node:http";
import { createEventLog, createLog } from "../../../src/core/log.ts";
import { openLogOutput } from "../../../src/core/log-output.ts";
import { createTestAuthority, startTestPod } from "../../proxy/mesh-pair.ts";

const [, , ip = "", port = ""] = process.argv;
const output = openLogOutput(1);
const log = createLog("proxy", "info", output);
const authority = createTestAuthority();
const accessLog = createEventLog(log, output, "access");
const pod = await startTestPod({ ip, serviceAccount: "server", authority, log, accessLog });
pod.inboundDst = { ip, port: Number(port) };
const app = createServer((_request, response) => void response.end("here\n"));
await once(app.listen(pod.inboundDst.port, ip), "listening");
/** Each message is a question: how many lines were lost? */
process.on("message", () => process.send?.(output.lost));
process.send?.("ready");

/** `pod.ts IP APP-IP APP-PORT`: a sidecar's data path in a process of its own, whose captured connections go to the application. */
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
} from "../../proxy/mesh-pair.ts";

const [, , ip = "", appIp = "", appPort = ""] = process.argv;
const authority = createTestAuthority();
const pod = await startTestPod({ ip, serviceAccount: "client", authority });
// Outside of the mesh: each connection of a client then costs a connection to the application as well.
const endpoint = { ...meshEndpoint(pod, Number(appPort)), ip: appIp, tunnel: "none" as const };
pod.destinations.set("10.96.2.1:80", serviceOf([endpoint], "http1"));
pod.origDst = { ip: "10.96.2.1", port: 80 };
process.stdout.write("ready\n");

/** A gRPC server that answers the standard health check: `ready` is serving, other services are unknown to it. */
import { Server, ServerCredentials } from "@grpc/grpc-js";

const asIs = (bytes: Buffer): Buffer => bytes;
const server = new Server();
server.addService(
  {
    Check: {
      path: "/grpc.health.v1.Health/Check",
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  {
    Check(call: { request: Buffer }, answer: (error: null, value: Buffer) => void) {
      // HealthCheckRequest: field 1 is the service; HealthCheckResponse: field 1 is 1 when serving.
      const service = call.request.subarray(2).toString();
      answer(null, Buffer.of(0x08, service === "ready" ? 1 : 2));
    },
  },
);
server.bindAsync("0.0.0.0:9000", ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  process.stdout.write("listening\n");
});
process.once("SIGTERM", () => server.forceShutdown());

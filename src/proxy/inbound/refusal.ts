/** What is said to a client that may not come in. */
import { MeshError } from "../../core/mesh-error.ts";
import { describeOwnPort } from "../ports.ts";
import type { Client, Refusal } from "./authorize.ts";

/** The error with all the facts for the log; a caller without a mesh identity is not told which policy stands where. */
export function describeRefusal(decision: Refusal, port: number, client: Client): MeshError {
  switch (decision.kind) {
    case "own-port":
      return new MeshError("loop_detected", describeOwnPort(port), { side: "downstream" });
    case "ambiguous":
      return new MeshError("ambiguous_request", decision.reason, { side: "downstream" });
    case "denied": {
      const told = client.peer === undefined ? (decision.told ?? "not permitted") : undefined;
      return new MeshError("policy_denied", decision.reason, {
        side: "downstream",
        ...(told === undefined ? {} : { told }),
      });
    }
  }
}

/** How metrics and the access log name what decided; the names are those of objects, so they are few. */
export function policyLabel(policy: string | undefined): string {
  return policy ?? "none";
}

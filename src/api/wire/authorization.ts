/** istio.security.Authorization from the wire. What cannot be evaluated exactly is refused as a whole. */
import {
  type Authorization,
  type PolicyRule,
  type PolicyScope,
  policyExtensionPrefix,
  requestRulesExtension,
} from "../authorization.ts";
import { decodeExtension } from "./extension.ts";
import { decodeClauses } from "./policy-match.ts";
import { WireError, WireReader } from "./reader.ts";
import { decodeRequestRules } from "./request-rules.ts";

/** Throws a WireError that says what cannot be understood. */
export function decodeAuthorization(bytes: Uint8Array): Authorization {
  const reader = new WireReader(bytes);
  let [name, namespace, scope, action] = ["", "", 0, 0];
  let dryRun = false;
  let rules: PolicyRule[] = [];
  let requestRules: PolicyRule[] | undefined;
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) namespace = reader.string();
    else if (reader.field === 3) scope = reader.uint32();
    else if (reader.field === 4) action = reader.uint32();
    else if (reader.field === 5) rules.push({ clauses: decodeClauses(reader.message()) });
    else if (reader.field === 6) dryRun = reader.bool();
    else if (reader.field === 7) requestRules = rulesOf(reader.message()) ?? requestRules;
  }
  // The rules beside them are what is left of them for a proxy that does not see requests.
  rules = requestRules ?? rules;
  const known = scopes[scope];
  if (known === undefined) throw new WireError(`policy scope ${scope} is not known`);
  if (action > 1) throw new WireError(`policy action ${action} is not known`);
  if (name === "") throw new WireError("policy without a name");
  return { name, namespace, scope: known, action: action === 0 ? "allow" : "deny", rules, dryRun };
}

const scopes: readonly PolicyScope[] = ["global", "namespace", "workload"];

/** Undefined for an extension of another program that leaves the meaning of the policy alone. */
function rulesOf(reader: WireReader): PolicyRule[] | undefined {
  const { name, config } = decodeExtension(reader);
  if (name === requestRulesExtension) return decodeRequestRules(config);
  if (!name.startsWith(policyExtensionPrefix)) return undefined;
  throw new WireError(`policy extension ${JSON.stringify(name)} is not known`);
}

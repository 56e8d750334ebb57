/**
 * A network that loses every packet from the node and its pods to the API server, without a word, in the middle of connections.
 * Only the administrator, who comes from outside of the node, reaches it; it reaches everybody.
 */
import { runInside, type Sandbox } from "./sandbox.ts";

const table = "inet remora_partition";

export function partitionApiServer(sandbox: Sandbox): void {
  const rules = [
    "type filter hook input priority -10;",
    // Its own: without them it ends.
    "ip daddr 127.0.0.0/8 accept",
    "ip6 daddr ::1 accept",
    'iifname != "eth0" tcp dport 6443 drop',
  ];
  const chain = `chain input {\n${rules.join("\n")}\n}`;
  runInside(sandbox, ["nft", "-f", "-"], { input: `table ${table} {\n${chain}\n}\n` });
}

export function healApiServer(sandbox: Sandbox): void {
  runInside(sandbox, ["nft", "delete", "table", ...table.split(" ")]);
}

/** `node attacker.ts NAME HOST PORT MILLIS`: runs one attack and says what it sent and what it cost. */
import { endProcess } from "../../../src/core/end-process.ts";
import { Attack } from "./attack.ts";
import { http1Attacks } from "./attacks-http1.ts";
import { http2Attacks } from "./attacks-http2.ts";
import { tlsAttacks } from "./attacks-tls.ts";

const [name = "", host = "", port = "", millis = ""] = process.argv.slice(2);
const run = { ...http1Attacks, ...http2Attacks, ...tlsAttacks }[name];
if (run === undefined) throw new Error(`no attack is called ${name}`);

const before = process.cpuUsage();
const attack = new Attack({ host, port: Number(port) }, Number(millis));
await run(attack);
const { user, system } = process.cpuUsage(before);
const { bytes, connections, most } = attack;
process.stdout.write(
  `${JSON.stringify({ bytes, connections, most, attackerMillis: (user + system) / 1_000 })}\n`,
);
attack.close();
// Waiting sends of deaf connections have nothing to wait for any more.
await endProcess(process, 0);

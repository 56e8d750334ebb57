/**
 * A real sidecar under attack: it lives, keeps its memory, serves others and is itself again in seconds. Figures of a
 * run are printed beside each test; what a machine's load changes is bounded loosely (CPU time) or not at all (latency). What others wait for is counted in CPU time of
 * the sidecar between their question and its answer, and held to what as costly a load of clients that behave makes them wait.
 */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { needs, until } from "../mesh/mesh.ts";
import { http1Attacks } from "./lab/attacks-http1.ts";
import { http2Attacks } from "./lab/attacks-http2.ts";
import { tlsAttacks } from "./lab/attacks-tls.ts";
import { callers, upstreamAttacks } from "./lab/attacks-upstream.ts";
import { type Damage, type Lab, openLab, openWires } from "./lab/lab.ts";

const mebibyte = 1_048_576;
const attackMillis = Number(process.env["ATTACK_MILLIS"] ?? "1000");

/** Growth that no attack causes: V8's young generation, and pages that the allocator touches for the first time. */
const freeGrowth = 16 * mebibyte;
/** What a byte of an attack may cost beyond the shares below. */
const growthPerByte = 10;
/** An open connection costs its objects, and the buffers that are full when its peer does not read. */
const growthPerConnection = 8 * 1_024;
const growthPerDeafConnection = 128 * 1_024;
/** An open request costs its stream, its head and a connection to the application. */
const growthPerRequest = 12 * 1_024;
/** Whatever is open: above it the sidecar sheds load. */
const growthInAll = 64 * mebibyte;
/** An attacker that spends a second of CPU time costs the sidecar less than twenty. */
const cpuAsymmetry = 20;
/** So much does the cost of the client that behaves differ between two seconds on a machine with other work. */
const cpuNoiseMillis = 300;
/** Others may wait for twice the work that clients which behave cause at the same cost. */
const workRatio = 2;
/** Two collections of the whole heap, which may fall into one of the two measurements and not into the other. */
const workNoiseMillis = 200;
const recoveryMillis = 5_000;

interface Held {
  /** Requests that the attack keeps open at once, at most. */
  readonly requests?: number;
  /** The attacker does not read, so that buffers fill. */
  readonly deaf?: boolean;
}

const held: Readonly<Record<string, Held>> = {
  "pipelines that are not read": { deaf: true },
  "large answers that are not read": { deaf: true },
  "bodies that never end": { requests: 200 },
  "references to a large header": { requests: 4_000 },
  "references to a large cookie": { requests: 4_000 },
  "references to small headers": { requests: 4_000 },
  "empty cookie crumbs": { requests: 4_000 },
  "answers that no window lets go": { requests: 1_000 },
  "answers that are not read": { requests: 250, deaf: true },
  "small answers that are not read": { requests: 2_000, deaf: true },
  "requests that never end": { requests: 600 },
};

describe("a sidecar", needs("ip"), () => {
  let lab: Lab;
  before(async () => {
    lab = await openLab("resources");
    // V8's young generation grows at the first load, whatever that is; no attack shall be charged for having been the first.
    await lab.attack("connections that are reset", attackMillis);
  });
  after(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  for (const name of Object.keys({ ...http1Attacks, ...http2Attacks, ...tlsAttacks })) {
    test(`bears ${name}`, async (context) => {
      await bear(context, lab, () => lab.attack(name, attackMillis), held[name] ?? {});
    });
  }

  for (const name of Object.keys(upstreamAttacks)) {
    test(`bears a server's ${name}`, async (context) => {
      await bear(context, lab, () => lab.betray(name, attackMillis), { requests: callers });
    });
  }
});

async function bear(
  context: TestContext,
  lab: Lab,
  attack: () => Promise<Damage>,
  held: Held,
): Promise<void> {
  await until(recoveryMillis, () => assertReady(lab));
  const wires = await openWires(lab);
  const damage = await attack();
  report(context, damage);
  assert.ok(damage.bytes + damage.connections > 0, "nothing came, so nothing was borne");
  assert.ok(lab.sidecar.alive, "the sidecar has died");
  checkMemory(damage, held);
  const most = cpuAsymmetry * damage.attackerMillis + cpuNoiseMillis;
  assert.ok(damage.sidecarMillis < most, `${damage.sidecarMillis} ms of CPU time`);
  const wait = workRatio * damage.harmlessWork + workNoiseMillis;
  assert.ok(damage.work < wait, `others waited for ${damage.work} ms of work, more than ${wait}`);
  assert.ok(damage.served > 0);
  // Failed requests of a thousand, of which one may.
  const failed = damage.failures.length / (damage.served + damage.failures.length);
  assert.ok(failed <= 0.001, `of ${damage.served}: ${damage.failures.join(", ")}`);
  await until(recoveryMillis, async () => {
    const now = await openWires(lab);
    assert.ok(now <= wires + 16, `${now} open connections, ${wires} before`);
  });
}

/** A sidecar that still sheds the load of the attack before would refuse this one, and prove nothing. */
async function assertReady({ pod }: Lab): Promise<void> {
  const answer = await fetch(`http://${pod.ip}:15020/ready`);
  assert.equal(answer.status, 200, await answer.text());
}

function checkMemory(
  { bytes, connections, most, grown }: Damage,
  { requests = 0, deaf }: Held,
): void {
  const perConnection = deaf === true ? growthPerDeafConnection : growthPerConnection;
  const allowance = freeGrowth + most * perConnection + requests * growthPerRequest;
  const bound = Math.min(growthInAll, allowance + bytes * growthPerByte);
  assert.ok(grown < bound, `${grown} bytes for ${bytes} on ${most} of ${connections} connections`);
}

function report(context: TestContext, damage: Damage): void {
  const {
    bytes,
    most,
    grown,
    sidecarMillis,
    attackerMillis,
    served,
    p99,
    calmP99,
    work,
    harmlessWork,
  } = damage;
  const asymmetry = (sidecarMillis / Math.max(1, attackerMillis)).toFixed(1);
  context.diagnostic(
    `${bytes} bytes on ${most} connections: ${(grown / mebibyte).toFixed(1)} MiB more, ` +
      `CPU ${asymmetry}x the attacker's, others served ${served}, p99 ${calmP99.toFixed(0)} -> ${p99.toFixed(0)} ms, ` +
      `of it the sidecar's work ${work.toFixed(1)}, beside harmless clients ${harmlessWork.toFixed(1)} ms`,
  );
}

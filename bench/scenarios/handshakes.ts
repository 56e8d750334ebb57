/** New connections between the pair: mutual TLS 1.3 handshakes with the inbound proxy, full and resumed. */
import { totalCpu } from "../measure/cpu.ts";
import type { Sample } from "../measure/metric.ts";
import type { Scenario, Subject } from "../scenario.ts";
import { runInside } from "../site/launch.ts";
import { sidecarUser } from "../site/site.ts";

const program = new URL("../programs/handshakes.ts", import.meta.url).pathname;

export const handshakeScenarios: readonly Scenario[] = [
  handshakes("full", "New mesh connections, full handshakes with client certificates"),
  {
    ...handshakes("resumed", "New mesh connections, resumed sessions"),
    abstains: [
      {
        peer: "remora",
        why: "it resumes no session, so that every connection proves its certificate anew (docs/decisions.md); compare with its full handshakes",
      },
    ],
  },
];

interface Report {
  readonly handshakes: number;
  readonly resumed: number;
  readonly seconds: number;
}

function handshakes(kind: "full" | "resumed", title: string): Scenario {
  return {
    name: `handshakes-${kind}`,
    title,
    traffic: "http1",
    metrics: ["cpuPerHandshake", "handshakesPerSecond"],
    pair: "kept",
    direct: false,
    measure: async (subject) => await measure(subject, kind),
  };
}

async function measure(subject: Subject, kind: "full" | "resumed"): Promise<Sample> {
  const { inbound } = subject.pair;
  await run(subject, kind, subject.warmUpSeconds);
  const before = totalCpu(inbound);
  const report = await run(subject, kind, subject.seconds);
  const nanoseconds = totalCpu(inbound) - before;
  const wrong = kind === "full" ? report.resumed : report.handshakes - report.resumed;
  if (wrong > 0) throw new Error(`${wrong} of ${report.handshakes} sessions were not ${kind}`);
  return {
    cpuPerHandshake: nanoseconds / 1_000 / report.handshakes,
    handshakesPerSecond: report.handshakes / report.seconds,
  };
}

async function run({ site, pair }: Subject, kind: string, seconds: number): Promise<Report> {
  const client = pair.meshClient;
  if (client === undefined) throw new Error("nobody else may dial the inbound proxy");
  const { host, port, key, chain } = client;
  const command = [process.execPath, program, host, String(port), key, chain, String(seconds)];
  // As the sidecar's user: what others send to the mesh port is redirected, and refused.
  const options = { namespace: site.clientNamespace, core: site.cores.load, user: sidecarUser };
  return JSON.parse(await runInside("handshakes", [...command, kind], options)) as Report;
}

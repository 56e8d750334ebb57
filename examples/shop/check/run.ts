/** `npm start -- --check`: visits of every kind, a capture of the wire meanwhile, and a verdict on both. */

import type { Sample } from "../../../src/cli/traffic/metrics-text.ts";
import { startCapture } from "../../../src/local/sandbox/packet-capture.ts";
import type { Shop } from "../shop.ts";
import { type Evidence, type Findings, judge, type Wire } from "./verdict.ts";

/** Of each kind; eight at a time, so about half a minute on a small machine. */
const rounds = 200;
const shopper = ["node", "examples/shop/apps/shopper.ts"];

/** Prints one line per finding; true when all hold. */
export async function checkShop(shop: Shop, print: (line: string) => void): Promise<boolean> {
  const capture = beginCapture(shop);
  print(`sending ${rounds} requests of each kind from inside the pod of the customer`);
  const visits = await shop.ask("shopper", [...shopper, "--check", String(rounds)]);
  const trespass = await shop.ask("shopper", [...shopper, "--trespass", "ledger:7070"]);
  const identities: Record<string, string> = {};
  for (const pod of shop.pods()) identities[pod.app] = pod.identity;
  const metrics: Record<string, readonly Sample[]> = {};
  for (const [pod, samples] of await shop.scrape()) metrics[pod.app] = samples;
  const evidence: Evidence = {
    rounds,
    visits: JSON.parse(visits) as Findings[],
    trespass: trespass.trim(),
    identities,
    metrics,
    wire: capture(),
  };
  const findings = judge(evidence);
  for (const finding of findings) print(`${finding.holds ? "ok   " : "WRONG"} ${finding.text}`);
  const wrong = findings.filter((finding) => !finding.holds).length;
  print(
    wrong === 0 ? "the shop is all right" : `${wrong} of ${findings.length} findings are wrong`,
  );
  return wrong === 0;
}

/** The result ends the capture and tells what it saw. */
function beginCapture(shop: Shop): () => Wire {
  try {
    const capture = startCapture(shop.mesh.network.bridge);
    return () => {
      const { dropped, ports } = capture.stop();
      return { kind: "captured", dropped, ports };
    };
  } catch (error) {
    const reason = (error as Error).message;
    return () => ({ kind: "not-captured", reason });
  }
}

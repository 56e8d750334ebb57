import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { before, describe, type TestContext, test } from "node:test";
import {
  type ControlFixture,
  podManifest,
  policyManifest,
  serviceManifest,
  startControlFixture,
  webIdentity,
} from "../../control/control-fixture.ts";
import { eventually } from "../../control/eventually.ts";
import { temporaryFolder } from "../../control/temporary-folder.ts";
import { certify } from "../../identity/certified-peer.ts";
import { buildGoJudge, findGo, noGo } from "../../support/go-judge.ts";

/** One line of the judge: what Istio's client told its handlers. */
interface Heard {
  readonly event: "add" | "delete" | "reject";
  readonly type: "Address" | "Authorization";
  readonly name: string;
  readonly version?: string;
  readonly body?: unknown;
}

const shop = {
  "a.json": podManifest("a", "10.0.0.1"),
  "b.json": podManifest("b", "10.0.0.2"),
  "web.json": serviceManifest("web", "10.1.0.1"),
  "p.json": policyManifest("p", {
    action: "Deny",
    rules: [{ from: { notPrincipals: ["*"], addresses: ["10.0.0.0/8"] }, to: { ports: [8080] } }],
  }),
};

describe("Istio's delta client", { skip: findGo() === undefined ? noGo : false }, () => {
  let judge: string;

  before(async () => {
    judge = join(await buildGoJudge(import.meta.dirname, ["./xds-judge"]), "xds-judge");
  });

  /** Starts the judge; the result grows with what it hears. */
  function listen(t: TestContext, fixture: ControlFixture, ...args: string[]): Heard[] {
    const secrets = temporaryFolder(t);
    const own = certify(fixture.authority, { uri: webIdentity });
    const files = [
      secrets.write("chain.pem", own.chainPem),
      secrets.write("key.pem", own.keyPem),
      secrets.write("root.pem", fixture.authority.rootPem),
    ];
    const child = spawn(judge, [`127.0.0.1:${fixture.port}`, ...files, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    t.after(() => stop(child));
    const heard: Heard[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => {
      // The client logs on standard output too.
      if (line.startsWith("{")) heard.push(JSON.parse(line) as Heard);
    });
    return heard;
  }

  test("reads a workload, a service and a policy as Istio defines them", async (t) => {
    const fixture = await startControlFixture(t, shop);
    const heard = listen(t, fixture);
    const body = async (name: string): Promise<unknown> =>
      await eventually(name, () => heard.find((each) => each.name === name)?.body, 20_000);
    assert.partialDeepStrictEqual(await body("uid-a"), {
      workload: {
        uid: "uid-a",
        name: "a",
        namespace: "shop",
        addresses: ["CgAAAQ=="],
        tunnelProtocol: "HBONE",
        trustDomain: "cluster.local",
        serviceAccount: "web",
        services: {
          "shop/web.shop.svc.cluster.local": {
            ports: [{ servicePort: 80, targetPort: 8080, appProtocol: "HTTP11" }],
          },
        },
        extensions: [{ name: "remora.dev/proxy" }],
      },
    });
    assert.partialDeepStrictEqual(await body("shop/web.shop.svc.cluster.local"), {
      service: {
        name: "web",
        namespace: "shop",
        hostname: "web.shop.svc.cluster.local",
        addresses: [{ address: "CgEAAQ==" }],
        ports: [{ servicePort: 80, appProtocol: "HTTP11" }],
      },
    });
    assert.deepEqual(await body("shop/p"), {
      name: "p",
      namespace: "shop",
      scope: "NAMESPACE",
      action: "DENY",
      // The names on the wire are numbers; Istio's own for rules and clauses are these.
      groups: [
        {
          rules: [
            {
              matches: [
                {
                  notPrincipals: [{ presence: {} }],
                  sourceIps: [{ address: "CgAAAA==", length: 8 }],
                  destinationPorts: [8080],
                },
              ],
            },
          ],
        },
      ],
    });
  });

  test("hears of what is added, changed and removed", async (t) => {
    const fixture = await startControlFixture(t, shop);
    const heard = listen(t, fixture);
    await eventually("all", () => heard.length >= 4, 20_000);
    fixture.folder.write("c.json", podManifest("c", "10.0.0.3"));
    fixture.folder.remove("b.json");
    fixture.folder.remove("p.json");
    const saw = (event: string, name: string) => () =>
      heard.some((each) => each.event === event && each.name === name);
    await eventually("a new pod", saw("add", "uid-c"));
    await eventually("a removed pod", saw("delete", "uid-b"));
    await eventually("a removed policy", saw("delete", "shop/p"));
  });

  test("is answered on demand by the very key that it asks for", async (t) => {
    const fixture = await startControlFixture(t, shop);
    const heard = listen(t, fixture, "/10.1.0.1");
    await eventually("the service", () => heard.some(({ name }) => name === "/10.1.0.1"), 20_000);
    await eventually("its pods", () => heard.some(({ name }) => name === "uid-b"));
  });

  test("refuses a resource, which is counted, and the rest goes on", async (t) => {
    const fixture = await startControlFixture(t, shop);
    const heard = listen(t, fixture, "-reject=uid-a");
    await eventually("refusal", () => heard.some(({ event }) => event === "reject"), 20_000);
    const nacks = /remora_control_nacks_total\{type="Address"\} 1\n/;
    await eventually("count", async () => nacks.test(await fixture.metrics()));
    fixture.folder.write("c.json", podManifest("c", "10.0.0.3"));
    await eventually("a new pod", () => heard.some(({ name }) => name === "uid-c"));
    assert.equal(heard.filter(({ event }) => event === "reject").length, 1);
  });

  test("comes back after a restart and is told everything in the same versions", async (t) => {
    const fixture = await startControlFixture(t, shop);
    const heard = listen(t, fixture);
    await eventually("all", () => heard.length >= 4, 20_000);
    const before = versionsOf(heard.splice(0));
    await fixture.control.close();
    await fixture.restart();
    await eventually("all again", () => heard.length >= 4, 20_000);
    assert.deepEqual(versionsOf(heard), before);
  });
});

function versionsOf(heard: readonly Heard[]): string[] {
  return heard.map(({ name, version }) => `${name}@${version}`).sort();
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

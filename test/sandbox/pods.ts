/** Pods for tests: containers whose output is collected, in a network that ends with the test. */
import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { exposePath } from "../../src/local/sandbox/expose-path.ts";
import { type ContainerProcess, launch } from "../../src/local/sandbox/launch.ts";
import type { ExitStatus, LaunchSpec } from "../../src/local/sandbox/launch-spec.ts";
import { createMeshNetwork, type MeshNetwork } from "../../src/local/sandbox/network.ts";
import { detectPrivileges } from "../../src/local/sandbox/privileges.ts";

const privileges = detectPrivileges();

/** For `test(name, { skip })`: why this machine cannot make pods, or false. */
export const skip: string | false =
  privileges.kind === "sufficient" ? false : "pods need root and iproute2";

/** The checkout, which containers can reach at the same place. */
export const project: string = fileURLToPath(new URL("../..", import.meta.url));

/** A network of its own for one test. */
export function createTestNetwork(context: TestContext): MeshNetwork {
  const network = createMeshNetwork({ mesh: `t${randomBytes(3).toString("hex")}` });
  context.after(() => network.close());
  return network;
}

export type TestSpec = Partial<LaunchSpec> & Pick<LaunchSpec, "command">;

/** Starts a container of user 1000 without capabilities that can read the checkout. */
export function start(spec: TestSpec): ContainerProcess {
  return launch({
    name: "test",
    env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
    network: undefined,
    user: { uid: 1000, gid: 1000, groups: [] },
    capabilities: [],
    ...spec,
    mounts: [...exposePath(project), ...(spec.mounts ?? [])],
  });
}

/** Runs a container to its end. */
export async function run(
  spec: TestSpec,
): Promise<ExitStatus & { readonly output: string; readonly errors: string }> {
  const container = start(spec);
  const [output, errors] = [collect(container.stdout), collect(container.stderr)];
  const status = await container.exited;
  return { ...status, output: output(), errors: errors() };
}

/** Runs this checkout's Node with arguments. */
export function node(...args: readonly string[]): readonly string[] {
  return [process.execPath, "--disable-warning=ExperimentalWarning", ...args];
}

/** Resolves when a line of the container's output holds the text; rejects when it ends before. */
export function sawLine(container: ContainerProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = "";
    container.stdout?.on("data", (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes(text)) resolve();
    });
    void container.exited.then((status) =>
      reject(new Error(`ended with ${status.code} before it said ${text}: ${seen}`)),
    );
  });
}

/** Polls until the condition holds; throws after ten seconds. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not so after ten seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function collect(stream: ContainerProcess["stdout"]): () => string {
  let text = "";
  stream?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
}

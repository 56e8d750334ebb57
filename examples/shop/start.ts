/** `npm start`: five applications in a mesh on this machine. See `--help`. */
import { parseArgs } from "node:util";
import { detectPrivileges } from "../../src/local/sandbox/privileges.ts";
import { reexecInUserNamespace } from "../../src/local/sandbox/user-namespace.ts";
import { UserError } from "../../src/local/user-error.ts";
import { checkShop } from "./check/run.ts";
import { awaitReady, openShop, type Shop } from "./shop.ts";
import { showTraffic } from "./view/live.ts";

const help = `npm start [-- OPTIONS]

Runs the shop of examples/shop: five applications, each in a network namespace with
a sidecar of its own, and shows who talks to whom. Ctrl-C removes everything again.

  --check   send 200 requests of each kind, look at the wire meanwhile, tell whether
            all went well, remove everything, and exit with 0 or 1
  --help    this text
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { check: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help === true) {
      process.stdout.write(help);
      return 0;
    }
    const privileges = detectPrivileges();
    if (privileges.kind === "insufficient") throw new UserError(privileges.reason);
    if (privileges.kind === "user-namespace") return await reexecInUserNamespace(process.env);
    return await runShop(values.check === true);
  } catch (error) {
    return explain(error);
  }
}

/** One clear sentence for whoever typed the command; the stack would help nobody. */
function explain(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  if (error instanceof UserError && error.hint !== undefined) {
    process.stderr.write(`${error.hint}\n`);
  }
  return 1;
}

async function runShop(check: boolean): Promise<number> {
  const ending = new AbortController();
  const stop = () => ending.abort();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, stop);
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  const started = performance.now();
  const shop = await openShop(print, stop);
  try {
    const notReady = await Promise.race([awaitReady(shop, print), aborted(ending.signal)]);
    if (notReady === undefined) return 1;
    if (notReady.length > 0) {
      for (const { name, reason, lines } of notReady) {
        print([`${name} is not ready: ${reason}`, ...lines].join("\n  "));
      }
      return 1;
    }
    print(`all pods are ready after ${((performance.now() - started) / 1_000).toFixed(1)} s`);
    if (check) return await runCheck(shop, ending.signal, print);
    if (process.stdout.isTTY) process.stdout.write("\x1b[2J");
    await showTraffic(shop, ending.signal);
    return 0;
  } finally {
    await shop.mesh.stop();
  }
}

async function runCheck(
  shop: Shop,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<number> {
  const good = await Promise.race([checkShop(shop, print), aborted(signal)]);
  return good === true ? 0 : 1;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/**
 * The program between `launch` and the command of a container: it starts inside the pod's network and process
 * namespaces, sets up everything else that the spec says, and becomes the command.
 */
import { accessSync, constants, readFileSync, statSync, writeSync } from "node:fs";
import { getSystemErrorMessage } from "node:util";
import type { Capability } from "./capability.ts";
import { capabilityMask, capabilityNames } from "./capability.ts";
import type { ContainerUser, Mount } from "./launch-spec.ts";
import { enterRootView } from "./root-view.ts";
import {
  dieWithParent,
  dropFromBoundingSet,
  execute,
  forbidNewPrivileges,
  keepCapabilities,
  keepStandardStreams,
  restoreSignals,
  setAmbientCapabilities,
  setCapabilities,
  setHostname,
  setIdentity,
  setNamespace,
  unshare,
} from "./syscalls.ts";

/** What `launch` writes to descriptor 3, as JSON. */
export interface LauncherOrder {
  /** A new container, or undefined to join the one whose namespaces are at `joinDescriptors`. */
  readonly container:
    | {
        readonly hostname: string | undefined;
        readonly mounts: readonly Mount[];
        readonly readOnlyRoot: boolean;
      }
    | undefined;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly user: ContainerUser;
  readonly capabilities: readonly Capability[];
  readonly noNewPrivileges: boolean;
}

/** What it answers there when the command could not be run; a closed descriptor without an answer means that it runs. */
export interface LauncherFailure {
  readonly code: number;
  readonly message: string;
}

export const orderDescriptor = 3;
export const joinDescriptors = { mount: 4, uts: 5, ipc: 6 } as const;
const SIGKILL = 9;
/** What a shell searches when PATH is not set (confstr _CS_PATH, with the local places that images use). */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Does not return when all is well. Otherwise it has told why, and gives the exit code. */
export function runLauncher(): number {
  dieWithParent(SIGKILL);
  const text = readFileSync(orderDescriptor, "utf8");
  // The parent ended before it said anything.
  if (text === "") return 125;
  const failure = carryOut(JSON.parse(text) as LauncherOrder);
  writeSync(orderDescriptor, JSON.stringify(failure));
  return failure.code;
}

function carryOut(order: LauncherOrder): LauncherFailure {
  try {
    process.umask(0o022);
    enterContainer(order);
    takeIdentity(order);
    // As the user of the command, who may not look everywhere.
    const program = findProgram(order);
    if (typeof program !== "string") return program;
    const place = enterDirectory(order.workingDir);
    if (place !== undefined) return place;
    restoreSignals();
    keepStandardStreams();
    const errno = execute(program, order.command, order.env);
    return { code: 126, message: `cannot execute ${program}: ${explain(errno, program)}` };
  } catch (error) {
    return { code: 125, message: `cannot set up the container: ${(error as Error).message}` };
  }
}

function enterContainer(order: LauncherOrder): void {
  const { container } = order;
  if (container === undefined) {
    setNamespace(joinDescriptors.ipc, "ipc");
    setNamespace(joinDescriptors.uts, "uts");
    setNamespace(joinDescriptors.mount, "mount");
    return;
  }
  unshare("uts", "ipc");
  if (container.hostname !== undefined) setHostname(container.hostname);
  enterRootView({ mounts: container.mounts, readOnlyRoot: container.readOnlyRoot });
}

/** Everything that only root may do comes before the change of user; what that change resets comes after it. */
function takeIdentity(order: LauncherOrder): void {
  const numbers = order.capabilities.map((name) => capabilityNames.indexOf(name));
  for (let capability = 0; capability < 64; capability += 1) {
    if (!numbers.includes(capability) && !dropFromBoundingSet(capability)) break;
  }
  keepCapabilities();
  setIdentity(order.user.uid, order.user.gid, order.user.groups);
  setCapabilities(capabilityMask(order.capabilities));
  setAmbientCapabilities(order.user.uid === 0 ? [] : numbers);
  if (order.noNewPrivileges) forbidNewPrivileges();
  dieWithParent(SIGKILL);
}

function enterDirectory(path: string): LauncherFailure | undefined {
  try {
    process.chdir(path);
    return undefined;
  } catch (error) {
    const reason = getSystemErrorMessage((error as NodeJS.ErrnoException).errno ?? 0);
    return { code: 126, message: `cannot work in ${path}: ${reason}` };
  }
}

/** The file that the command's first word means, as execvp() would find it. */
function findProgram(order: LauncherOrder): string | LauncherFailure {
  const [name = ""] = order.command;
  if (name.includes("/")) {
    const path = name.startsWith("/") ? name : `${order.workingDir}/${name}`;
    return isFile(path) ? path : { code: 127, message: `there is no program ${name}` };
  }
  const path = order.env["PATH"] ?? defaultPath;
  for (const directory of path.split(":")) {
    const candidate = `${directory === "" ? order.workingDir : directory}/${name}`;
    if (isFile(candidate) && isExecutable(candidate)) return candidate;
  }
  return { code: 127, message: `there is no program ${name} in PATH (${path})` };
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const EACCES = 13;
const ENOEXEC = 8;

function explain(errno: number, program: string): string {
  const message = getSystemErrorMessage(-errno);
  if (errno === EACCES) return `${message}, as user ${process.getuid?.() ?? "unknown"}`;
  if (errno === ENOEXEC) return `${message} (a script needs a first line such as #!/bin/sh)`;
  return isFile(program) ? message : `${message} (is its interpreter installed?)`;
}

/** Starts itself again in a user namespace where that is needed; there it runs two pods and prints what it saw. */
import { detectPrivileges } from "../../src/local/sandbox/privileges.ts";
import { reexecInUserNamespace } from "../../src/local/sandbox/user-namespace.ts";

const privileges = detectPrivileges();
if (privileges.kind === "insufficient") {
  process.stderr.write(`${privileges.reason}\n`);
  process.exitCode = 69;
} else if (privileges.kind === "user-namespace") {
  process.exitCode = await reexecInUserNamespace(process.env);
} else {
  await import("./rootless-pods.ts");
}

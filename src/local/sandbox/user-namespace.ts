/** Runs this program again as root of a user namespace, for people who are not root. */

/**
 * Runs the current program (`process.execPath`, `execArgv`, `argv`) in new user, network, mount and PID-visible
 * namespaces where it is uid 0 with all capabilities, hands it the terminal and signals, and gives its exit code. In
 * it `detectPrivileges()` says `sufficient`. The inner program dies with this one.
 */
export function reexecInUserNamespace(
  _environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  return Promise.reject(new Error("user namespaces are not built"));
}

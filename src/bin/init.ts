/** The init container: installs a pod's redirection rules, checks them, and ends. */
import { ConfigError, readSettings } from "../core/config-table.ts";
import { initSettings } from "../init/config.ts";
import { InstallError, type InstallReport, installRules } from "../init/install-rules.ts";
import { standardPorts } from "../init/ruleset.ts";

try {
  const settings = readSettings(initSettings, process.env);
  const report = await installRules({
    ...standardPorts,
    proxyUid: settings.REMORA_PROXY_UID,
    skipInboundPorts: settings.REMORA_SKIP_INBOUND_PORTS,
    skipOutboundPorts: settings.REMORA_SKIP_OUTBOUND_PORTS,
  });
  process.stdout.write(`${JSON.stringify({ level: "info", msg: describe(report), ...report })}\n`);
} catch (error) {
  const { message, exitCode } = judge(error);
  process.stderr.write(`remora-init: ${message}\n`);
  process.exitCode = exitCode;
}

function describe(report: InstallReport): string {
  return `redirection installed (${report.rules} rules), check IPv4 ${report.ipv4.kind}, IPv6 ${report.ipv6.kind}`;
}

function judge(error: unknown): { readonly message: string; readonly exitCode: number } {
  if (error instanceof InstallError) return { message: error.message, exitCode: error.exitCode };
  if (error instanceof ConfigError) return { message: error.problems.join("; "), exitCode: 64 };
  return { message: error instanceof Error ? error.message : String(error), exitCode: 70 };
}

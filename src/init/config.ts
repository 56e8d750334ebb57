/** The settings of the init container. */
import type { Setting } from "../core/config-table.ts";
import { type PortRange, parsePortRanges } from "./port-ranges.ts";

export const initSettings: {
  readonly REMORA_SKIP_INBOUND_PORTS: Setting<readonly PortRange[]>;
  readonly REMORA_SKIP_OUTBOUND_PORTS: Setting<readonly PortRange[]>;
  readonly REMORA_PROXY_UID: Setting<number>;
} = {
  REMORA_SKIP_INBOUND_PORTS: {
    doc: "Ports of the pod that others reach without the mesh: a comma list of ports and ranges.",
    fallback: "",
    parse: parsePortRanges,
  },
  REMORA_SKIP_OUTBOUND_PORTS: {
    doc: "Ports that the pod reaches without the mesh: a comma list of ports and ranges.",
    fallback: "",
    parse: parsePortRanges,
  },
  REMORA_PROXY_UID: {
    doc: "User and group id of the sidecar, whose own connections are not redirected (1-4294967294).",
    fallback: "15008",
    parse: parseUid,
  },
};

function parseUid(text: string): number {
  const uid = Number(text);
  // 0 would exempt every app that runs as root.
  if (!/^[1-9][0-9]{0,9}$/.test(text) || uid > 0xffff_fffe) {
    throw new Error("expected a user id from 1 to 4294967294");
  }
  return uid;
}

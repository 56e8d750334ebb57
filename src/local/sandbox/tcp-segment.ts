/** Byte gear. Finds the TCP segment in an Ethernet frame. */

export interface TcpSegment {
  /** Address and port of both ends as bytes in latin1: a key, not for people. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly payload: Uint8Array;
}

const ethernetSize = 14;
const etherTypeIpv4 = 0x0800;
const etherTypeIpv6 = 0x86dd;
const protocolTcp = 6;
const flagSyn = 0x02;
const flagAck = 0x10;

/** Undefined for other protocols, fragments behind the first, and frames that are cut. */
export function parseTcpSegment(frame: Uint8Array): TcpSegment | undefined {
  if (frame.length < ethernetSize + 20) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const type = view.getUint16(12);
  if (type === etherTypeIpv4) return parseIpv4(frame, view);
  if (type === etherTypeIpv6) return parseIpv6(frame, view);
  return undefined;
}

function parseIpv4(frame: Uint8Array, view: DataView): TcpSegment | undefined {
  const headerSize = (view.getUint8(ethernetSize) & 0x0f) * 4;
  const fragmentOffset = view.getUint16(ethernetSize + 6) & 0x1fff;
  if (view.getUint8(ethernetSize + 9) !== protocolTcp || fragmentOffset !== 0) return undefined;
  const end = ethernetSize + view.getUint16(ethernetSize + 2);
  return parseTcp(frame, view, ethernetSize + 12, 4, ethernetSize + headerSize, end);
}

/** Extension headers are not used between pods of a mesh. */
function parseIpv6(frame: Uint8Array, view: DataView): TcpSegment | undefined {
  if (frame.length < ethernetSize + 40) return undefined;
  if (view.getUint8(ethernetSize + 6) !== protocolTcp) return undefined;
  const end = ethernetSize + 40 + view.getUint16(ethernetSize + 4);
  return parseTcp(frame, view, ethernetSize + 8, 16, ethernetSize + 40, end);
}

function parseTcp(
  frame: Uint8Array,
  view: DataView,
  addresses: number,
  addressSize: number,
  start: number,
  end: number,
): TcpSegment | undefined {
  if (start + 20 > frame.length) return undefined;
  const offset = (view.getUint8(start + 12) >> 4) * 4;
  const flags = view.getUint8(start + 13);
  const sourcePort = view.getUint16(start);
  const destinationPort = view.getUint16(start + 2);
  const name = (from: number, port: number) =>
    `${Buffer.from(frame.subarray(from, from + addressSize)).toString("latin1")}:${port}`;
  return {
    source: name(addresses, sourcePort),
    destination: name(addresses + addressSize, destinationPort),
    sourcePort,
    destinationPort,
    sequence: view.getUint32(start + 4),
    syn: (flags & flagSyn) !== 0,
    ack: (flags & flagAck) !== 0,
    // Short frames are padded; what is behind the packet is not payload.
    payload: frame.subarray(start + offset, Math.min(end, frame.length)),
  };
}

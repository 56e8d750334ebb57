/** Sorts TCP segments into connections, and tells by port whether what they carry is framed as TLS. */
import type { TcpSegment } from "./tcp-segment.ts";
import { createTlsFraming, looksLikeRecord, type TlsFraming } from "./tls-framing.ts";

export interface PortTraffic {
  /** The TCP port that accepted the connections. */
  readonly port: number;
  readonly connections: number;
  readonly payloadBytes: number;
  /** Whether every connection that carried anything was framed as TLS records, in both directions. */
  readonly tls: boolean;
  /** The first bytes of a connection that was not TLS, printable, for the message to the user. */
  readonly sample: string | undefined;
}

export interface TrafficSummary {
  add(segment: TcpSegment): void;
  /** By port, in ascending order. */
  ports(): readonly PortTraffic[];
}

interface Connection {
  readonly port: number;
  readonly directions: Map<string, Direction>;
}

interface Direction {
  bytes: number;
  /** Undefined until the first segment is seen. */
  next: number | undefined;
  /** Undefined where the beginning was not seen, and no record since. */
  framing: TlsFraming | undefined;
  sample: string | undefined;
  /** Segments that overtook another one, copied, until that one comes. */
  readonly held: TcpSegment[];
}

const sampleLength = 60;

/** Segments of one direction that may wait for an earlier one: two full windows of a bulk transfer on two cores. */
const maxHeld = 512;

export function createTrafficSummary(): TrafficSummary {
  const connections = new Map<string, Connection>();
  // A new connection between the same ports does not forget what the old one did.
  const past: Connection[] = [];
  return {
    add(segment) {
      const key = [segment.source, segment.destination].sort().join(" ");
      let connection = connections.get(key);
      if (connection === undefined || (segment.syn && !segment.ack)) {
        if (connection !== undefined) past.push(connection);
        connection = { port: acceptingPort(segment), directions: new Map() };
        connections.set(key, connection);
      }
      follow(directionOf(connection, segment.source), segment);
    },
    ports: () => summarize([...past, ...connections.values()]),
  };
}

/** Where the beginning was not seen, the lower port: client ports are chosen from the upper half. */
function acceptingPort(segment: TcpSegment): number {
  if (segment.syn) return segment.ack ? segment.sourcePort : segment.destinationPort;
  return Math.min(segment.sourcePort, segment.destinationPort);
}

function directionOf(connection: Connection, source: string): Direction {
  let direction = connection.directions.get(source);
  if (direction === undefined) {
    direction = { bytes: 0, next: undefined, framing: undefined, sample: undefined, held: [] };
    connection.directions.set(source, direction);
  }
  return direction;
}

function follow(direction: Direction, segment: TcpSegment): void {
  if (segment.syn) {
    direction.next = (segment.sequence + 1) >>> 0;
    direction.framing = createTlsFraming();
    return;
  }
  // A closing connection counts its FIN, so that the last empty segment looks like one behind a gap.
  if (segment.payload.length === 0) return;
  if (isAhead(direction, segment) && direction.held.length < maxHeld) {
    direction.held.push({ ...segment, payload: Uint8Array.from(segment.payload) });
    return;
  }
  take(direction, segment);
  takeHeld(direction);
}

/** Behind a gap in a stream whose records are known so far: two cores hand segments on in any order. */
function isAhead(direction: Direction, segment: TcpSegment): boolean {
  if (direction.next === undefined || direction.framing?.framed !== true) return false;
  return ((segment.sequence - direction.next) | 0) > 0;
}

function takeHeld(direction: Direction): void {
  for (;;) {
    const index = direction.held.findIndex((segment) => !isAhead(direction, segment));
    const [segment] = index < 0 ? [] : direction.held.splice(index, 1);
    if (segment === undefined) return;
    take(direction, segment);
  }
}

/** What still waits when somebody asks stays behind its gap. */
function takeRest(direction: Direction): void {
  const rest = direction.held.splice(0);
  for (const segment of rest.sort((a, b) => (a.sequence - b.sequence) | 0))
    take(direction, segment);
}

function take(direction: Direction, segment: TcpSegment): void {
  const fresh = withoutRepeats(direction, segment);
  if (fresh.length === 0) return;
  direction.bytes += fresh.length;
  direction.next = (segment.sequence + segment.payload.length) >>> 0;
  if (direction.framing === undefined && looksLikeRecord(fresh)) {
    direction.framing = createTlsFraming();
  }
  direction.framing?.push(fresh);
  if (direction.framing?.framed !== true) direction.sample ??= printable(fresh);
}

/** The bytes that were not seen before. After a gap the position of records is lost, and is looked for again. */
function withoutRepeats(direction: Direction, segment: TcpSegment): Uint8Array {
  if (direction.next === undefined) return segment.payload;
  // RFC 9293 3.4: sequence numbers are compared modulo 2^32.
  const ahead = (segment.sequence - direction.next) | 0;
  if (ahead > 0 && direction.framing?.framed === true) direction.framing = undefined;
  return ahead >= 0 ? segment.payload : segment.payload.subarray(-ahead);
}

function summarize(connections: readonly Connection[]): readonly PortTraffic[] {
  const byPort = Map.groupBy(connections, (connection) => connection.port);
  return [...byPort.entries()]
    .map(([port, members]) => {
      const directions = members.flatMap((member) => [...member.directions.values()]);
      for (const direction of directions) takeRest(direction);
      const plain = directions.filter((it) => it.bytes > 0 && it.framing?.framed !== true);
      return {
        port,
        connections: members.length,
        payloadBytes: directions.reduce((sum, it) => sum + it.bytes, 0),
        tls: plain.length === 0,
        sample: plain[0]?.sample,
      };
    })
    .sort((a, b) => a.port - b.port);
}

function printable(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, sampleLength)).toString("latin1");
  return text.replaceAll(/[^\x20-\x7e]/g, ".");
}

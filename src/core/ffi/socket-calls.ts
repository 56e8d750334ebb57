/**
 * The socket calls that Node does not offer, through node:ffi: the original destination of a redirected connection,
 * netlink, and packet capture. Node needs no flag for it, but `--allow-ffi` under the permission model.
 */
import { getSystemErrorMessage, getSystemErrorName } from "node:util";
import { formatIpBytes, type SocketAddress } from "../address.ts";
import type { Millis } from "../duration.ts";

/** A system call that said no. `code` is the errno's name (`EPERM`). */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly call: string;
  constructor(call: string, errno: number) {
    super(`${call}: ${getSystemErrorMessage(-errno)}`);
    this.name = "SystemCallError";
    this.code = getSystemErrorName(-errno);
    this.errno = errno;
    this.call = call;
  }
}

export interface NetlinkSocket {
  /** Sends one datagram of netlink messages. */
  send(messages: Uint8Array): void;
  /** Gives the next datagram; throws EAGAIN when none came within the timeout. */
  receive(): Uint8Array;
  close(): void;
}

export interface PacketSocket {
  /** The next frame from its link-layer header on, or undefined when none waits. Valid until the next call. */
  read(): Uint8Array | undefined;
  /** Frames that the kernel dropped since the last call because they were not read soon enough. */
  dropped(): number;
  close(): void;
}

const SOL_IP = 0;
const SOL_IPV6 = 41;
/** linux/netfilter_ipv4.h SO_ORIGINAL_DST, and IP6T_SO_ORIGINAL_DST, which is the same number. */
const SO_ORIGINAL_DST = 80;
const AF_NETLINK = 16;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_STATISTICS = 6;
const PACKET_MR_PROMISC = 1;
const ETH_P_ALL = 3;
const EAGAIN = 11;

/** A netlink reply is at most this long: the kernel fills dumps up to 32 KiB (af_netlink.c). */
const netlinkBufferSize = 64 * 1024;
/** A frame on a virtual link is up to 64 KiB: segmentation is left to hardware that is not there. */
const frameBufferSize = 68 * 1024;
/** Packets wait here while the event loop is busy: at 1 Gbit/s enough for a pause of half a second. */
const captureBufferSize = 64 * 1024 * 1024;

/**
 * Where the peer of a redirected connection wanted to go, by `socket._handle.fd` and the listener's family. A
 * connection that was not redirected gives the address of its own listener; undefined when the kernel does not track it.
 */
export function originalDestination(
  fd: number,
  family: "IPv4" | "IPv6",
): SocketAddress | undefined {
  calls ??= load();
  const { getsockopt, option, optionLength } = calls;
  if (family === "IPv6") {
    optionLength[0] = 28;
    if (getsockopt(fd, SOL_IPV6, SO_ORIGINAL_DST, option, optionLength) === 0) {
      return { ip: formatIpBytes(option.subarray(8, 24)), port: portOf(option) };
    }
  }
  // An IPv4 connection to an IPv6 listener is asked about as IPv4.
  optionLength[0] = 16;
  if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, option, optionLength) !== 0) return undefined;
  return { ip: `${option[4]}.${option[5]}.${option[6]}.${option[7]}`, port: portOf(option) };
}

/** Opens a netlink socket in the calling thread's network namespace; `receive` blocks for at most `timeout`. */
export function openNetlink(protocol: number, timeout: Millis): NetlinkSocket {
  const { functions, errno } = (calls ??= load());
  const fd = functions.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw new SystemCallError("socket(AF_NETLINK)", errno());
  const timeval = Buffer.alloc(16);
  timeval.writeBigInt64LE(BigInt(Math.floor(timeout / 1_000)), 0);
  timeval.writeBigInt64LE(BigInt((timeout % 1_000) * 1_000), 8);
  setOption(fd, SOL_SOCKET, SO_RCVTIMEO, timeval);
  const buffer = Buffer.alloc(netlinkBufferSize);
  return {
    send(messages) {
      if (functions.send(fd, messages, BigInt(messages.length), 0) < 0n) {
        throw new SystemCallError("send(netlink)", errno());
      }
    },
    receive() {
      const length = functions.recv(fd, buffer, BigInt(buffer.length), 0);
      if (length < 0n) throw new SystemCallError("recv(netlink)", errno());
      return Uint8Array.prototype.slice.call(buffer, 0, Number(length));
    },
    close: () => void functions.close(fd),
  };
}

/** Opens a promiscuous capture on one interface of the calling thread's network namespace; needs CAP_NET_RAW. */
export function openPacketSocket(interfaceName: string): PacketSocket {
  const { functions, errno } = (calls ??= load());
  const index = functions.if_nametoindex(Buffer.from(`${interfaceName}\0`));
  if (index === 0) throw new SystemCallError(`if_nametoindex(${interfaceName})`, errno());
  // Protocol 0 hears nothing until bind(): frames of other interfaces never get in.
  const fd = functions.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError("socket(AF_PACKET)", errno());
  try {
    const size = Buffer.alloc(4);
    size.writeInt32LE(captureBufferSize);
    setReceiveBuffer(fd, size);
    const membership = Buffer.alloc(16);
    membership.writeInt32LE(index, 0);
    membership.writeUInt16LE(PACKET_MR_PROMISC, 4);
    setOption(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
    const address = Buffer.alloc(20);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_ALL, 2);
    address.writeInt32LE(index, 4);
    if (functions.bind(fd, address, address.length) < 0) {
      throw new SystemCallError("bind(AF_PACKET)", errno());
    }
  } catch (error) {
    functions.close(fd);
    throw error;
  }
  return packetReader(fd);
}

function packetReader(fd: number): PacketSocket {
  const { functions, errno, getsockopt, optionLength } = (calls ??= load());
  const frame = Buffer.alloc(frameBufferSize);
  const statistics = Buffer.alloc(8);
  return {
    read() {
      const length = functions.recv(fd, frame, BigInt(frame.length), 0);
      if (length >= 0n) return frame.subarray(0, Number(length));
      if (errno() === EAGAIN) return undefined;
      throw new SystemCallError("recv(AF_PACKET)", errno());
    },
    dropped() {
      optionLength[0] = statistics.length;
      getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics, optionLength);
      return statistics.readUInt32LE(4);
    },
    close: () => void functions.close(fd),
  };
}

/** Beyond the machine's limit where that is allowed, up to it elsewhere. */
function setReceiveBuffer(fd: number, size: Uint8Array): void {
  try {
    setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, size);
  } catch {
    setOption(fd, SOL_SOCKET, SO_RCVBUF, size);
  }
}

function setOption(fd: number, level: number, name: number, value: Uint8Array): void {
  const { functions, errno } = (calls ??= load());
  if (functions.setsockopt(fd, level, name, value, value.length) < 0) {
    throw new SystemCallError(`setsockopt(${level}, ${name})`, errno());
  }
}

/** sockaddr_in and sockaddr_in6 keep the port in the same place, in network order. */
function portOf(address: Uint8Array): number {
  return ((address[2] ?? 0) << 8) | (address[3] ?? 0);
}

let calls: ReturnType<typeof load> | undefined;

/** Loads what the first call needs, at a moment when nobody waits for it. */
export function prepareSocketCalls(): void {
  calls ??= load();
}

function load() {
  const { dlopen, toBuffer } = process.getBuiltinModule("node:ffi");
  const { functions } = dlopen(null, {
    socket: { return: "i32", arguments: ["i32", "i32", "i32"] },
    bind: { return: "i32", arguments: ["i32", "pointer", "u32"] },
    close: { return: "i32", arguments: ["i32"] },
    send: { return: "i64", arguments: ["i32", "pointer", "u64", "i32"] },
    recv: { return: "i64", arguments: ["i32", "pointer", "u64", "i32"] },
    getsockopt: { return: "i32", arguments: ["i32", "i32", "i32", "pointer", "pointer"] },
    setsockopt: { return: "i32", arguments: ["i32", "i32", "i32", "pointer", "u32"] },
    if_nametoindex: { return: "u32", arguments: ["pointer"] },
    __errno_location: { return: "pointer", arguments: [] },
  });
  // errno of this thread, seen in place: reading it makes no call that could change it.
  const location = toBuffer(functions.__errno_location(), 4, false);
  return {
    functions,
    errno: () => location.readInt32LE(0),
    getsockopt: functions.getsockopt,
    option: Buffer.alloc(28),
    optionLength: new Uint32Array(1),
  };
}

/** Builds ClientHello messages, also such as no TLS library would send. */

/** The handshake message with these extensions; `behind` follows the extension list. */
export function buildClientHello(
  extensions: readonly Buffer[],
  behind: Buffer = Buffer.alloc(0),
): Buffer {
  const list = Buffer.concat(extensions);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0, 0, 2, 0x13, 0x01, 1, 0]),
    uint16(list.length),
    list,
    behind,
  ]);
  return Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body]);
}

/** Cuts a handshake message into TLS records of `size` bytes. */
export function inRecords(message: Buffer, size: number): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1]), uint16(part.length), part);
  }
  return Buffer.concat(records);
}

export const extension = {
  serverName(name: string): Buffer {
    const text = Buffer.from(name, "latin1");
    const entry = Buffer.concat([Buffer.from([0]), uint16(text.length), text]);
    return wrap(0, Buffer.concat([uint16(entry.length), entry]));
  },
  alpn(protocols: readonly string[]): Buffer {
    const parts = protocols.map((protocol) =>
      Buffer.concat([Buffer.from([protocol.length]), Buffer.from(protocol, "latin1")]),
    );
    const list = Buffer.concat(parts);
    return wrap(16, Buffer.concat([uint16(list.length), list]));
  },
};

function wrap(type: number, body: Buffer): Buffer {
  return Buffer.concat([uint16(type), uint16(body.length), body]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

/** Byte gear. Tells whether a stream of bytes consists of TLS records, without understanding them. */

export interface TlsFraming {
  /** Takes the next bytes of the stream. */
  push(bytes: Uint8Array): void;
  /** False as soon as one byte was not part of a record. */
  readonly framed: boolean;
}

const headerSize = 5;
/** RFC 8446 5.1: change_cipher_spec, alert, handshake, application_data. */
const firstType = 20;
const lastType = 23;
/** RFC 8446 5.2: 2^14 and at most 256 bytes of encryption. */
const maxRecordLength = 16_384 + 256;

/** Follows one direction of a connection from its first byte. */
export function createTlsFraming(): TlsFraming {
  return new RecordCounter();
}

/** Whether bytes from the middle of a stream could be the start of a record. */
export function looksLikeRecord(bytes: Uint8Array): boolean {
  const [type = 0, major = 0, minor = 0, high = 0, low = 0] = bytes;
  return bytes.length >= headerSize && isHeader(type, major, minor, (high << 8) | low);
}

function isHeader(type: number, major: number, minor: number, length: number): boolean {
  if (type < firstType || type > lastType || major !== 3 || minor < 1 || minor > 4) return false;
  return length > 0 && length <= maxRecordLength;
}

class RecordCounter implements TlsFraming {
  framed = true;
  readonly #header = new Uint8Array(headerSize);
  #headerBytes = 0;
  #recordBytes = 0;

  push(bytes: Uint8Array): void {
    let offset = 0;
    while (this.framed && offset < bytes.length) {
      if (this.#recordBytes > 0) {
        const skipped = Math.min(this.#recordBytes, bytes.length - offset);
        this.#recordBytes -= skipped;
        offset += skipped;
        continue;
      }
      this.#header[this.#headerBytes] = bytes[offset] ?? 0;
      this.#headerBytes += 1;
      offset += 1;
      if (this.#headerBytes === headerSize) this.#startRecord();
      // A wrong first byte needs no second: plain text must not hide in a short message.
      else if (this.#headerBytes === 1) this.framed = this.#isType(this.#header[0] ?? 0);
    }
  }

  #startRecord(): void {
    const [type = 0, major = 0, minor = 0, high = 0, low = 0] = this.#header;
    this.#recordBytes = (high << 8) | low;
    this.#headerBytes = 0;
    this.framed = isHeader(type, major, minor, this.#recordBytes);
  }

  #isType(type: number): boolean {
    return type >= firstType && type <= lastType;
  }
}

/** Virtual addresses for Services, out of a range that belongs to the mesh. */
import type { Service } from "../api/kubernetes.ts";
import { formatIpBytes, parseIpBytes } from "../core/address.ts";

/** The first address of a range is no host's; give that and the gateway's place away to nobody. */
const firstOffset = 2;

export class ServiceAddresses {
  readonly #base: number;
  readonly #size: number;
  readonly #given = new Map<string, number>();

  /** `range` is an IPv4 block such as `10.96.0.0/16`. */
  constructor(range: string) {
    const [ip = "", bits = ""] = range.split("/");
    const bytes = parseIpBytes(ip);
    if (bytes?.length !== 4) throw new TypeError(`not an IPv4 block: ${range}`);
    this.#base = Buffer.from(bytes).readUInt32BE(0);
    this.#size = 2 ** (32 - Number(bits));
  }

  /** The same Service keeps its address as long as the mesh lives; undefined for a headless one. */
  addressOf(service: Service): string | undefined {
    if (service.spec.clusterIP === "None" || service.spec.type === "ExternalName") return undefined;
    const key = `${service.metadata.namespace ?? "default"}/${service.metadata.name}`;
    let offset = this.#given.get(key);
    if (offset === undefined) {
      offset = firstOffset + this.#given.size;
      if (offset >= this.#size - 1) throw new Error("there are more Services than addresses");
      this.#given.set(key, offset);
    }
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE((this.#base + offset) >>> 0);
    return formatIpBytes(bytes);
  }
}

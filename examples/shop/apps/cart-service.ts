/** What `cart` offers and `web` calls: the four kinds of gRPC call, with JSON messages. */
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

export interface Item {
  readonly user: string;
  readonly name: string;
  readonly price: number;
}

export interface Receipt {
  readonly count: number;
  readonly total: number;
  /** The ledger's line for the last entry. */
  readonly entry: string;
  /** Who called, as the service saw it. */
  readonly caller: string;
}

export interface WatchRequest {
  readonly user: string;
  /** How many messages the stream shall have. */
  readonly count: number;
  /** The pause before each of them. */
  readonly pauseMillis: number;
}

export interface CartService extends ServiceDefinition {
  /** One item, one receipt. */
  readonly Add: MethodDefinition<Item, Receipt>;
  /** Many items, one receipt at the end. */
  readonly AddAll: MethodDefinition<Item, Receipt>;
  /** One question, many receipts. */
  readonly Watch: MethodDefinition<WatchRequest, Receipt>;
  /** A receipt for each item, as they come. */
  readonly Converse: MethodDefinition<Item, Receipt>;
}

export const cartService: CartService = {
  Add: method("Add", false, false),
  AddAll: method("AddAll", true, false),
  Watch: method("Watch", false, true),
  Converse: method("Converse", true, true),
};

function method<Request, Response>(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<Request, Response> {
  return {
    path: `/shop.Cart/${name}`,
    requestStream,
    responseStream,
    requestSerialize: toJson,
    requestDeserialize: (bytes) => JSON.parse(bytes.toString()) as Request,
    responseSerialize: toJson,
    responseDeserialize: (bytes) => JSON.parse(bytes.toString()) as Response,
  };
}

function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Fuzz target: message framing fed with arbitrary bytes. */
import type { FuzzTarget } from "../fuzz-target.ts";
import { encodeMessage, MessageDecoder } from "./message-framing.ts";
import { decodeGrpcMessage, encodeGrpcMessage } from "./message-text.ts";

export const target: FuzzTarget = {
  name: "grpc-framing",
  seeds: [
    Buffer.concat([encodeMessage(Buffer.from("hello")), encodeMessage(Buffer.alloc(0))]),
    encodeMessage(Buffer.alloc(300, "%41")),
  ],
  run(input) {
    const whole: string[] = [];
    const first = new MessageDecoder(1_000, (message) => whole.push(message.toString("hex")));
    const problem = first.receive(input);
    const bytewise: string[] = [];
    const second = new MessageDecoder(1_000, (message) => bytewise.push(message.toString("hex")));
    let slowProblem = "";
    for (const byte of input) slowProblem ||= second.receive(Buffer.of(byte));
    if (problem !== slowProblem || whole.join() !== bytewise.join()) {
      throw new Error("the cut of the bytes changes the messages");
    }
    const text = decodeGrpcMessage(input.toString("latin1"));
    if (decodeGrpcMessage(encodeGrpcMessage(text)) !== text) throw new Error("text not kept");
  },
};

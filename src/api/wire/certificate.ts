/** The two messages of istio.v1.auth.IstioCertificateService/CreateCertificate, as the sidecar needs them. */
import { WireReader } from "./reader.ts";
import { WireWriter } from "./writer.ts";

/** `csr` is PEM; the lifetime is a wish in whole seconds, 0 leaves it to the authority. */
export function encodeCertificateRequest(csr: string, validitySeconds: number): Uint8Array {
  return new WireWriter().string(1, csr).uint(3, validitySeconds).take();
}

/** The chain as PEM texts, leaf first; throws a WireError when the bytes are not the message. */
export function decodeCertificateResponse(bytes: Uint8Array): readonly string[] {
  const reader = new WireReader(bytes);
  const chain: string[] = [];
  while (reader.next()) if (reader.field === 1) chain.push(reader.string());
  return chain;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCertificateResponse, encodeCertificateRequest } from "./certificate.ts";

test("a certificate request holds the CSR and the wished lifetime", () => {
  const bytes = encodeCertificateRequest("csr", 3600);
  assert.equal(Buffer.from(bytes).toString("hex"), "0a0363737218901c");
});

test("a certificate response gives its chain in order", () => {
  assert.deepEqual(decodeCertificateResponse(Buffer.from("0a016c0a0172", "hex")), ["l", "r"]);
});

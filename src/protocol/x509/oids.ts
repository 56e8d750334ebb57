/** Object identifiers as the hexadecimal content of their DER value (RFC 5280, 5480, 5758, 2986). */

export const oid = {
  commonName: "550403",
  organizationName: "55040a",
  subjectKeyIdentifier: "551d0e",
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  nameConstraints: "551d1e",
  certificatePolicies: "551d20",
  authorityKeyIdentifier: "551d23",
  extKeyUsage: "551d25",
  serverAuth: "2b06010505070301",
  clientAuth: "2b06010505070302",
  extensionRequest: "2a864886f70d01090e",
  ecPublicKey: "2a8648ce3d0201",
  prime256v1: "2a8648ce3d030107",
  secp384r1: "2b81040022",
  rsaEncryption: "2a864886f70d010101",
  ecdsaWithSha256: "2a8648ce3d040302",
  ecdsaWithSha384: "2a8648ce3d040303",
  ecdsaWithSha512: "2a8648ce3d040304",
  sha256WithRsa: "2a864886f70d01010b",
  sha384WithRsa: "2a864886f70d01010c",
  sha512WithRsa: "2a864886f70d01010d",
  rsaPss: "2a864886f70d01010a",
} as const;

/** RFC 5280 4.2.1.3: bit 0 is the highest bit of the first byte. */
export const keyUsageBit = {
  digitalSignature: 0x80,
  keyCertSign: 0x04,
  crlSign: 0x02,
} as const;

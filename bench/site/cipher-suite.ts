/**
 * What every pair negotiates. Remora prefers it, and so does Envoy's BoringSSL where the processor has AES; OpenSSL's own
 * first choice has a longer key and the dearer hash, and would make the peers look slower than they are.
 */
export const cipherSuite = "TLS_AES_128_GCM_SHA256";

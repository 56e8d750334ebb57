/** Byte gear. Header names as one shared lower-case string each, with what the protocol does with them. */
import { isToken } from "./characters.ts";

/** What a header line means to the connection; everything else is end-to-end. */
export const ordinaryName = 0;
export const hostName = 1;
export const contentLengthName = 2;
export const transferEncodingName = 3;
export const connectionName = 4;
export const upgradeName = 5;
export const teName = 6;
/** Belongs to one connection (RFC 9110 7.6.1) and has no meaning to us. */
export const hopByHopName = 7;
export const expectName = 8;
/** `content_length` and `transfer_encoding`: some applications read them as the names with dashes. */
export const framingTwinName = 9;

export interface HeaderName {
  /** Lower case. */
  readonly text: string;
  readonly kind: number;
}

const kinds: Readonly<Record<string, number>> = {
  host: hostName,
  "content-length": contentLengthName,
  "transfer-encoding": transferEncodingName,
  connection: connectionName,
  upgrade: upgradeName,
  te: teName,
  "keep-alive": hopByHopName,
  "proxy-connection": hopByHopName,
  "http2-settings": hopByHopName,
  expect: expectName,
  content_length: framingTwinName,
  transfer_encoding: framingTwinName,
};
const kindByName: ReadonlyMap<string, number> = new Map(Object.entries(kinds));

const usualNames = `accept accept-charset accept-encoding accept-language accept-ranges
access-control-allow-credentials access-control-allow-headers access-control-allow-methods
access-control-allow-origin access-control-expose-headers access-control-max-age
access-control-request-headers access-control-request-method age allow alt-svc authorization
baggage cache-control content-disposition content-encoding content-language content-location
content-range content-security-policy content-type cookie date dnt etag expires forwarded from
grpc-accept-encoding grpc-encoding grpc-message grpc-status grpc-timeout if-match
if-modified-since if-none-match if-range if-unmodified-since last-modified link location origin
pragma priority proxy-authenticate proxy-authorization proxy-status range referer referrer-policy
retry-after sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-websocket-accept
sec-websocket-extensions sec-websocket-key sec-websocket-protocol sec-websocket-version server
server-timing set-cookie strict-transport-security traceparent tracestate trailer
upgrade-insecure-requests user-agent vary via www-authenticate x-b3-parentspanid x-b3-sampled
x-b3-spanid x-b3-traceid x-content-type-options x-forwarded-for x-forwarded-host
x-forwarded-proto x-frame-options x-powered-by x-real-ip x-request-id x-xss-protection`.split(
  /\s+/,
);

/** By spelling with the colon, `content-type:` and `Content-Type:`; never grows, so that no peer can fill it. */
const bySpelling = new Map<string, HeaderName>();
for (const text of [...usualNames, ...kindByName.keys()]) {
  const name = { text, kind: kindByName.get(text) ?? ordinaryName };
  bySpelling.set(`${text}:`, name);
  bySpelling.set(`${text.replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase())}:`, name);
}
const usual: ReadonlySet<string> = new Set([...usualNames, "content-length", "te", "expect"]);
const webSocketSpellings = ["Accept", "Extensions", "Key", "Protocol", "Version"];
for (const part of webSocketSpellings) {
  const name = bySpelling.get(`Sec-Websocket-${part}:`);
  if (name !== undefined) bySpelling.set(`Sec-WebSocket-${part}:`, name);
}

/** Takes the name with its colon; gives undefined when it is not a header name. */
export function lookUpHeaderName(spelling: string): HeaderName | undefined {
  const known = bySpelling.get(spelling);
  if (known !== undefined) return known;
  const text = spelling.slice(0, -1).toLowerCase();
  if (!isToken(text)) return undefined;
  return bySpelling.get(`${text}:`) ?? { text, kind: ordinaryName };
}

/** Whether the text is one of the names that are known to be well formed. */
export function isUsualName(text: string): boolean {
  return usual.has(text);
}

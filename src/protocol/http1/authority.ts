/** Checks the host and port of a request, in the one form that every hop reads alike (RFC 9110 4.2, RFC 9112 3.2). */

/**
 * Registered names, IPv4, and IPv6 in brackets, each with an optional port. User information, lists, percent-encoding
 * and sub-delimiters are refused: no real host has them, and parsers disagree about them.
 */
const authorityPattern = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?$/;
const longestAuthority = 261;

export function isAuthority(text: string): boolean {
  if (text.length > longestAuthority) return false;
  const match = authorityPattern.exec(text);
  return match !== null && (match[1] === undefined || Number(match[1]) <= 65_535);
}

/** The form that CONNECT needs: the port must be there (RFC 9110 9.3.6). */
export function isAuthorityWithPort(text: string): boolean {
  return isAuthority(text) && /:[0-9]+$/.test(text);
}

/** What HTTP/2 engines count in plain numbers, for whoever turns them into metrics. */

export interface Http2Stats {
  /** Streams begun, and those of them that were cut by the peer, by us, or not let in. */
  streams: number;
  resetsReceived: number;
  resetsSent: number;
  refused: number;
  /** Requests answered 431, and messages that broke a rule of RFC 9113 8. */
  headersTooLarge: number;
  malformed: number;
  goawaysReceived: number;
  /** How often the rest of what came had to wait, since a connection had begun enough requests in its turn. */
  deferrals: number;
  /** Connections that we ended: for a broken rule, or for a limit of limits.ts, by its name. */
  connectionErrors: number;
  readonly floods: Record<string, number>;
}

export function createHttp2Stats(): Http2Stats {
  return {
    streams: 0,
    resetsReceived: 0,
    resetsSent: 0,
    refused: 0,
    headersTooLarge: 0,
    malformed: 0,
    goawaysReceived: 0,
    deferrals: 0,
    connectionErrors: 0,
    floods: {},
  };
}

/** A connection was ended for a limit that has this name. */
export function countFlood({ floods }: Http2Stats, limit: string): void {
  floods[limit] = (floods[limit] ?? 0) + 1;
}

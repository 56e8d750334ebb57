/** What HTTP/1 servers count in plain numbers, for whoever turns them into metrics. */

export interface Http1Stats {
  /** Requests that were answered by the engine itself because they broke a rule or went over a limit, by status. */
  readonly refusals: Record<number, number>;
}

export function createHttp1Stats(): Http1Stats {
  return { refusals: {} };
}

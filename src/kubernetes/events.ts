/** Events that people see with `kubectl describe`: the same one is counted up, and no storm of them is ever sent. */

import type { Clock } from "../core/clock.ts";
import { dropOldest } from "../core/drop-oldest.ts";
import { type Millis, seconds } from "../core/duration.ts";
import type { Log } from "../core/log.ts";
import type { KubernetesClient } from "./client.ts";
import { isNotFound } from "./kubernetes-error.ts";

export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent for what lives in no namespace; its events are then in `default`. */
  readonly namespace?: string;
  readonly uid?: string;
}

export interface EventFacts {
  readonly about: EventSubject;
  readonly type: "Normal" | "Warning";
  /** One word in upper camel case. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

export interface EventRecorder {
  /** Never waits and never fails. */
  record(event: EventFacts): void;
  /** Events that were not sent because there were too many. */
  dropped(): number;
  /** Resolves when nothing waits to be sent. */
  idle(): Promise<void>;
}

export interface EventRecorderOptions {
  /** The program's name, which people see as the source. */
  readonly component: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Different events that wait at most; an API server that is away must cost no memory. */
const maxWaiting = 200;
/** Events that are remembered to be counted up. */
const maxKnown = 1_000;
/** The same event is sent again after so long at the earliest; what came meanwhile is in its count. */
const repeatAfter = seconds(60);

interface Known {
  readonly facts: EventFacts;
  readonly first: string;
  last: string;
  count: number;
  /** Path of the Event once it is there. */
  path: string | undefined;
  sentAt: Millis | undefined;
  waiting: boolean;
}

export function createEventRecorder(
  client: KubernetesClient,
  options: EventRecorderOptions,
): EventRecorder {
  const { clock, log } = options;
  /** The one that was heard of longest ago comes first. */
  const known = new Map<string, Known>();
  const queue: Known[] = [];
  let dropped = 0;
  let sending: Promise<void> | undefined;

  const send = async (): Promise<void> => {
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
      event.waiting = false;
      event.sentAt = clock.now();
      try {
        await sendEvent(client, options, event);
      } catch (error) {
        log.debug({ err: error, reason: event.facts.reason }, "event not sent");
      }
    }
    sending = undefined;
  };
  return {
    record(facts) {
      const key = JSON.stringify([facts.about, facts.type, facts.reason, facts.message]);
      const now = new Date(clock.wallTime()).toISOString();
      const event = known.get(key) ?? startEvent(facts, now);
      known.delete(key);
      known.set(key, event);
      dropOldest(known, maxKnown);
      event.count += 1;
      event.last = now;
      const sentLately = event.sentAt !== undefined && clock.now() - event.sentAt < repeatAfter;
      if (event.waiting || sentLately) return;
      if (queue.length >= maxWaiting) {
        dropped += 1;
        return;
      }
      event.waiting = true;
      queue.push(event);
      sending ??= send();
    },
    dropped: () => dropped,
    idle: async () => sending,
  };
}

function startEvent(facts: EventFacts, now: string): Known {
  const unsent = { path: undefined, sentAt: undefined, waiting: false };
  return { facts, first: now, last: now, count: 0, ...unsent };
}

async function sendEvent(
  client: KubernetesClient,
  options: EventRecorderOptions,
  event: Known,
): Promise<void> {
  const { count, last, path } = event;
  if (path !== undefined) {
    try {
      const contentType = "application/merge-patch+json";
      const body = { count, lastTimestamp: last };
      await client.request({ method: "PATCH", path, contentType, body });
      return;
    } catch (error) {
      // Events live an hour; this one's is over.
      if (!isNotFound(error)) throw error;
    }
  }
  const { about, type, reason, message } = event.facts;
  const namespace = about.namespace ?? "default";
  const events = `/api/v1/namespaces/${namespace}/events`;
  const made = await client.request<{ metadata: { name: string } }>({
    method: "POST",
    path: events,
    body: {
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace, generateName: `${about.name.slice(0, maxNamePrefix)}.` },
      involvedObject: about,
      type,
      reason,
      message: message.slice(0, maxMessage),
      count,
      firstTimestamp: event.first,
      lastTimestamp: last,
      source: { component: options.component },
      reportingComponent: options.component,
    },
  });
  event.path = `${events}/${made.metadata.name}`;
}

/** What the API server takes; the generated end of the name has its place too. */
const maxMessage = 1_024;
const maxNamePrefix = 200;

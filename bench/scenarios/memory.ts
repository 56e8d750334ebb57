/** What a sidecar holds: idle, with a thousand connections, under load, and a while after a burst. */
import { type PacedResult, type PacedRun, startPaced } from "../load/paced.ts";
import { wrk } from "../load/wrk.ts";
import { largestMegabytes, privateMegabytes } from "../measure/memory.ts";
import type { Sample } from "../measure/metric.ts";
import type { Pair } from "../peer.ts";
import type { Scenario, Subject } from "../scenario.ts";

/** After its start a program still frees what only the start needed. */
const settleMillis = 2_000;
const connections = 1_000;
const rate = 5_000;
/** Long enough for the young generation to have been filled and emptied many times. */
const loadedSeconds = 10;

export const memoryScenarios: readonly Scenario[] = [
  {
    name: "idle",
    title: "Idle and ready, before the first request",
    traffic: "http1",
    metrics: ["memoryMax", "memoryOutbound", "memoryInbound", "startToReady"],
    pair: "fresh",
    direct: false,
    measure: async ({ pair }) => {
      await sleep(settleMillis);
      const { startToReady } = pair;
      return { ...memory(pair), ...(startToReady === undefined ? {} : { startToReady }) };
    },
  },
  {
    name: "memory-1000",
    title: `${connections} open connections, then ${rate} requests per second over them`,
    traffic: "http1",
    metrics: ["memoryMax", "memoryMaxLoaded", "memoryPerConnection", "latencyP99", "errors"],
    pair: "fresh",
    direct: false,
    measure: measureConnections,
  },
  ...[1_000, 8_000].map(idleConnections),
  {
    name: "memory-burst",
    title: "A minute after a burst of 256 connections",
    traffic: "http1",
    metrics: ["memoryMax", "memoryMaxLoaded", "memoryAboveIdle"],
    pair: "fresh",
    onRequest: true,
    direct: false,
    measure: measureBurst,
  },
  {
    name: "peers-20",
    title: `${connections} connections of one application to 20 pods, ${rate} requests per second, then a minute of silence`,
    traffic: "http1",
    metrics: ["memoryMaxLoaded", "memoryAboveIdle", "memoryMax", "latencyP99", "errors"],
    pair: "fresh",
    manyDestinations: true,
    onRequest: true,
    direct: false,
    measure: measurePeers,
  },
];

/** The first ones make room that the next ones use too, so the figure is that of every connection behind them. */
const firstConnections = 100;
/** Longer than the quiet time after which a program may give memory back. */
const quietMillis = 25_000;

/** 8,000 are what a process may open files for on most machines, two for each connection. */
function idleConnections(count: number): Scenario {
  return {
    name: `connections-${count}`,
    title: `${count} connections of applications with one request each, then silence`,
    traffic: "http1",
    metrics: ["memoryPerIdleConnection", "memoryMax", "errors"],
    pair: "fresh",
    onRequest: true,
    direct: false,
    measure: async (subject) => await measureIdle(subject, count),
  };
}

async function measureIdle(subject: Subject, count: number): Promise<Sample> {
  const first = await openQuietly(subject, firstConnections);
  const warm = largestMegabytes(subject.pair);
  const rest = await openQuietly(subject, count);
  try {
    const memoryMax = largestMegabytes(subject.pair);
    const { errors } = await rest.result;
    return {
      memoryPerIdleConnection: ((memoryMax - warm) * 1_000) / count,
      memoryMax,
      errors,
    };
  } finally {
    await first.program.stop();
    await rest.program.stop();
  }
}

async function openQuietly(subject: Subject, count: number): Promise<PacedRun> {
  const delay = quietMillis / 1_000 + 1;
  const run = startPaced(subject, { connections: count, rate: 1, warmUp: 0, seconds: 1, delay });
  await run.opened;
  await sleep(quietMillis);
  return run;
}

async function measureConnections(subject: Subject): Promise<Sample> {
  await sleep(settleMillis);
  const idle = largestMegabytes(subject.pair);
  const run = startPaced(subject, {
    connections,
    rate,
    warmUp: 0,
    seconds: subject.seconds,
    delay: 2,
  });
  try {
    await run.opened;
    await sleep(1_000);
    const open = largestMegabytes(subject.pair);
    const { peak, value } = await whileSampling(subject.pair, run.result);
    return {
      memoryMax: open,
      memoryMaxLoaded: peak,
      memoryPerConnection: ((open - idle) * 1000) / connections,
      latencyP99: value.p99,
      errors: value.errors,
    };
  } finally {
    await run.program.stop();
  }
}

async function measureBurst(subject: Subject): Promise<Sample> {
  await sleep(settleMillis);
  const idle = largestMegabytes(subject.pair);
  const { host, port } = subject.pair.target;
  const burst = { url: `http://${host}:${port}/10k`, connections: 256, seconds: subject.seconds };
  const { peak } = await whileSampling(subject.pair, wrk(subject.site, burst));
  await sleep(60_000);
  const after = largestMegabytes(subject.pair);
  return { memoryMax: after, memoryMaxLoaded: peak, memoryAboveIdle: after - idle };
}

/** The inbound proxy stands for twenty here, so only the outbound one is looked at. */
async function measurePeers(subject: Subject): Promise<Sample> {
  const { pair } = subject;
  const loaded = { ...pair, inbound: [] };
  await sleep(settleMillis);
  const idle = largestMegabytes(loaded);
  const seconds = Math.max(subject.seconds, loadedSeconds);
  const run = startPaced(subject, { connections, rate, warmUp: 0, seconds, delay: 2 });
  let measured: { readonly peak: number; readonly value: PacedResult };
  try {
    await run.opened;
    measured = await whileSampling(loaded, run.result);
  } finally {
    await run.program.stop();
  }
  await sleep(60_000);
  const after = largestMegabytes(loaded);
  const { peak, value } = measured;
  return {
    memoryMaxLoaded: peak,
    memoryAboveIdle: after - idle,
    memoryMax: idle,
    latencyP99: value.p99,
    errors: value.errors,
  };
}

async function whileSampling<T>(pair: Pair, work: Promise<T>): Promise<{ peak: number; value: T }> {
  let peak = largestMegabytes(pair);
  const timer = setInterval(() => {
    peak = Math.max(peak, largestMegabytes(pair));
  }, 200);
  try {
    return { value: await work, peak: Math.max(peak, largestMegabytes(pair)) };
  } finally {
    clearInterval(timer);
  }
}

function memory(pair: Pair): Sample {
  const of = (programs: Pair["outbound"]) =>
    programs.reduce((sum, { pid }) => sum + privateMegabytes(pid), 0);
  return {
    memoryMax: largestMegabytes(pair),
    memoryOutbound: of(pair.outbound),
    memoryInbound: of(pair.inbound),
  };
}

function sleep(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

/**
 * Metrics that the data path can afford: a series is an object with a plain number, found once and then only added to.
 * `get()` is what prom-client's Registry asks of a metric, so its text format is used without its counters.
 */

export interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** The shape that prom-client's Registry reads. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  get(): Promise<MetricSnapshot>;
}

export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly Sample[];
  readonly aggregator: "sum";
}

export interface FamilyOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Series beyond this many are counted together under the value `other`; the default is 2,000. */
  readonly maxSeries?: number;
}

/** One number of a family. Add to `value` directly. */
export interface Series {
  value: number;
}

export interface SeriesFamily extends MetricFamily {
  /** The series with these label values, in the order of `labelNames`. Keep it: finding it costs a string join. */
  series(...labels: string[]): Series;
}

/** What a Prometheus server can bear from one pod, and about 300 bytes of memory each. */
const defaultMaxSeries = 2_000;

export function createCounter(options: FamilyOptions): SeriesFamily {
  return createFamily(options, "counter");
}

export function createGauge(options: FamilyOptions): SeriesFamily {
  return createFamily(options, "gauge");
}

/** A gauge without labels whose value is computed when it is scraped; undefined leaves it out. */
export function createComputedGauge(
  name: string,
  help: string,
  compute: () => number | undefined,
): MetricFamily {
  return computed(name, help, () => {
    const value = compute();
    return value === undefined ? [] : [{ labels: {}, value }];
  });
}

/** A counter without labels whose value is read when it is scraped. */
export function createComputedCounter(
  name: string,
  help: string,
  read: () => number,
): MetricFamily {
  return computed(name, help, () => [{ labels: {}, value: read() }], "counter");
}

/** A counter with one label, read when it is scraped: one series for each key. */
export function createCounterBy(
  label: string,
  name: string,
  help: string,
  read: () => Readonly<Record<string, number>>,
): MetricFamily {
  const samples = (): Sample[] =>
    Object.entries(read()).map(([key, value]) => ({ labels: { [label]: key }, value }));
  return computed(name, help, samples, "counter");
}

/** A gauge or counter whose samples are computed when it is scraped. */
export function computed(
  name: string,
  help: string,
  compute: () => readonly Sample[],
  type: "gauge" | "counter" = "gauge",
): MetricFamily {
  return {
    name,
    help,
    type,
    get: async () => ({ name, help, type, values: compute(), aggregator: "sum" }),
  };
}

/** The cells of one histogram series; `counts[i]` counts values up to `bounds[i]`, the last one all others. */
export interface HistogramSeries {
  readonly counts: number[];
  sum: number;
}

export interface HistogramFamily extends MetricFamily {
  readonly bounds: readonly number[];
  series(...labels: string[]): HistogramSeries;
}

/** Counts one value; a dozen comparisons at the most. */
export function observe(bounds: readonly number[], series: HistogramSeries, value: number): void {
  let index = 0;
  while (index < bounds.length && value > (bounds[index] as number)) index += 1;
  series.counts[index] = (series.counts[index] as number) + 1;
  series.sum += value;
}

export function createHistogram(
  options: FamilyOptions & { readonly bounds: readonly number[] },
): HistogramFamily {
  const { name, help, bounds } = options;
  const table = createSeriesTable<HistogramSeries>(options, () => ({
    counts: Array.from({ length: bounds.length + 1 }, () => 0),
    sum: 0,
  }));
  return {
    name,
    help,
    type: "histogram",
    bounds,
    series: table.find,
    get: async () => ({
      name,
      help,
      type: "histogram",
      values: [...table.entries()].flatMap(([labels, series]) =>
        histogramSamples(name, bounds, labels, series),
      ),
      aggregator: "sum",
    }),
  };
}

function histogramSamples(
  name: string,
  bounds: readonly number[],
  labels: Record<string, string>,
  series: HistogramSeries,
): Sample[] {
  const samples: Sample[] = [];
  let total = 0;
  series.counts.forEach((count, index) => {
    total += count;
    const le = bounds[index] ?? "+Inf";
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: total });
  });
  samples.push({ metricName: `${name}_sum`, labels, value: series.sum });
  samples.push({ metricName: `${name}_count`, labels, value: total });
  return samples;
}

function createFamily(options: FamilyOptions, type: "counter" | "gauge"): SeriesFamily {
  const { name, help } = options;
  const table = createSeriesTable<Series>(options, () => ({ value: 0 }));
  return {
    name,
    help,
    type,
    series: table.find,
    get: async () => ({
      name,
      help,
      type,
      values: [...table.entries()].map(([labels, series]) => ({ labels, value: series.value })),
      aggregator: "sum",
    }),
  };
}

interface SeriesTable<S> {
  readonly find: (...labels: string[]) => S;
  readonly entries: () => Iterable<[Record<string, string>, S]>;
}

function createSeriesTable<S>(options: FamilyOptions, create: () => S): SeriesTable<S> {
  const { labelNames, maxSeries = defaultMaxSeries } = options;
  const table = new Map<string, { readonly labels: Record<string, string>; readonly series: S }>();
  const find = (...values: string[]): S => {
    const key = values.join("\u0000");
    const known = table.get(key);
    if (known !== undefined) return known.series;
    if (table.size >= maxSeries && values.some((value) => value !== "other")) {
      return find(...values.map(() => "other"));
    }
    const labels = Object.fromEntries(labelNames.map((name, index) => [name, values[index] ?? ""]));
    const series = create();
    table.set(key, { labels, series });
    return series;
  };
  return {
    find,
    entries: () => [...table.values()].map(({ labels, series }) => [labels, series]),
  };
}

-- wrk prints rounded text for people; this prints one line of JSON with microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"p999":%d,"mean":%.1f,"errors":%d}\n',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.mean,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end

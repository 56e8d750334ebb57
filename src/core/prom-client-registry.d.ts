/** The package's types describe its index only; the index would load push gateway, cluster and default metrics. */
declare module "prom-client/lib/registry.js" {
  import type { Registry } from "prom-client";

  const exported: typeof Registry;
  // The CommonJS module has no other export.
  export default exported;
}

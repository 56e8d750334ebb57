/** The part of prom-client that is loaded by itself; its type is that of the package's own class. */
declare module "prom-client/lib/registry.js" {
  import type { Registry } from "prom-client";

  const registry: new () => Registry;
  export default registry;
}

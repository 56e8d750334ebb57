/** Where downloaded peers are kept between runs, outside the checkout. */
import { homedir } from "node:os";

export const cacheFolder: string = `${process.env["XDG_CACHE_HOME"] ?? `${homedir()}/.cache`}/remora-bench`;

/** `npm run docs`: writes the pages that come from tables. */
import { writeFileSync } from "node:fs";
import { renderChartPage } from "./chart-page.ts";
import { renderCliPage } from "./cli-page.ts";
import { renderConfiguration } from "./configuration-page.ts";
import { renderHttp1Rules } from "./http1-rules-page.ts";

writeFileSync("docs/configuration.md", renderConfiguration());
writeFileSync("docs/http1-rules.md", renderHttp1Rules());
writeFileSync("charts/remora/README.md", renderChartPage());
writeFileSync("docs/cli.md", renderCliPage());

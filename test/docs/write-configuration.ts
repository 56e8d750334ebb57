/** `npm run docs`: writes the pages that come from tables. */
import { writeFileSync } from "node:fs";
import { renderChartPage } from "./chart-page.ts";
import { renderConfiguration } from "./configuration-page.ts";

writeFileSync("docs/configuration.md", renderConfiguration());
writeFileSync("charts/remora/README.md", renderChartPage());

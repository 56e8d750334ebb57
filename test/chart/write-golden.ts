/** `npm run golden`: renders the chart and keeps what it renders; look at the difference before you commit it. */
import { writeFileSync } from "node:fs";
import { valueSets } from "./chart.ts";
import { goldenFile, renderGolden } from "./golden-file.ts";

for (const set of valueSets) writeFileSync(goldenFile(set), await renderGolden(set));

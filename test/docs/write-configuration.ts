/** `npm run docs`: writes docs/configuration.md. */
import { writeFileSync } from "node:fs";
import { renderConfiguration } from "./configuration-page.ts";

writeFileSync("docs/configuration.md", renderConfiguration());

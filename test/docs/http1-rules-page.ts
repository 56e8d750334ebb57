/** docs/http1-rules.md as the table of rules gives it. */
import { allRules } from "../rfc/all-rules.ts";

export function renderHttp1Rules(): string {
  const kept = allRules.filter(({ deviation }) => deviation === undefined);
  const rows = kept.map(({ section, rule }) => `| ${section} | ${escape(rule)} |`);
  const others = allRules.filter(({ deviation }) => deviation !== undefined);
  const otherRows = others.map(
    ({ section, rule, deviation }) =>
      `| ${section} | ${escape(rule)} | ${escape(deviation ?? "")} |`,
  );
  return `${introduction}
| RFC | rule |
| --- | --- |
${rows.join("\n")}

## Not kept, on purpose

| RFC | rule | why not |
| --- | --- | --- |
${otherRows.join("\n")}
`;
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("*", "\\*");
}

const introduction = `# HTTP/1: what a proxy must do

Every MUST of RFC 9110 and RFC 9112 that binds a proxy, each with a conversation of raw bytes through two sidecars that shows
whether it is kept (\`npm test -- test/rfc\`). This page is written by \`npm run docs\` from the table in \`test/rfc/rules\`.
`;

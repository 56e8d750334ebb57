/** The table: what RFC 9110 and 9112 demand of a proxy. */
import type { Rule } from "./rule.ts";
import { connectionRules } from "./rules/connection.ts";
import { framingRules } from "./rules/framing.ts";
import { headerRules } from "./rules/headers.ts";
import { requestLineRules } from "./rules/request-line.ts";

export const allRules: readonly Rule[] = [
  ...requestLineRules,
  ...headerRules,
  ...framingRules,
  ...connectionRules,
];

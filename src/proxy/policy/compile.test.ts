import assert from "node:assert/strict";
import { test } from "node:test";
import { type Authorization, noConditions, type PolicyMatch } from "../../api/authorization.ts";
import { indexRules } from "./compile.ts";
import { type Facts, matchesFacts, type PeerFacts } from "./match.ts";

const peerOf = (namespace: string, account: string): PeerFacts => ({
  principal: `td/ns/${namespace}/sa/${account}`,
  namespace,
  account: `${namespace}/${account}`,
});

const policy = (name: string, rules: Authorization["rules"]): Authorization => ({
  namespace: "n",
  name,
  scope: "global",
  action: "allow",
  rules,
  dryRun: false,
});

test("rules that name other clients or ports are never asked", () => {
  const kinds: ((index: number) => Partial<PolicyMatch>)[] = [
    (index) => ({ principals: [{ kind: "exact", text: `td/ns/n${index}/sa/a` }] }),
    (index) => ({ namespaces: [{ kind: "exact", text: `n${index}` }] }),
    (index) => ({ serviceAccounts: [{ namespace: `n${index}`, serviceAccount: "a" }] }),
    (index) => ({ destinationPorts: [10_000 + index] }),
  ];
  const policies = Array.from({ length: 4_000 }, (_, index) => {
    const match = { ...noConditions, ...kinds[index % 4]?.(index) };
    return policy(`p${index}`, [{ clauses: [{ matches: [match] }, { matches: [] }] }]);
  });
  let reads = 0;
  const facts: Facts = {
    get peer() {
      reads += 1;
      return peerOf("n8", "a");
    },
    get port() {
      reads += 1;
      return 10_003;
    },
    clientIp: Uint8Array.of(),
    destinationIp: Uint8Array.of(),
  };
  assert.equal(indexRules(policies).find(facts), "n/p8");
  assert.ok(reads < 10, `${reads} facts were read`);
});

test("the index answers as asking every rule in turn does", () => {
  const random = seededRandom(7);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const some = <T>(make: () => T): T[] => (random() < 0.3 ? [make(), make()] : []);
  const names = ["a", "b", "c"];
  const text = () => {
    const kind = pick(["exact", "exact", "prefix", "suffix", "presence"] as const);
    return kind === "presence" ? { kind } : { kind, text: pick([...names, "td/ns/a/sa/b", "td/"]) };
  };
  const randomMatch = (): PolicyMatch => ({
    ...noConditions,
    namespaces: some(text),
    notNamespaces: some(text),
    principals: some(text),
    serviceAccounts: some(() => ({ namespace: pick(names), serviceAccount: pick(names) })),
    destinationPorts: some(() => pick([1, 2, 3])),
  });
  for (let round = 0; round < 500; round += 1) {
    const policies = Array.from({ length: 5 }, (_, index) =>
      policy(`p${index}`, [
        { clauses: [{ matches: [randomMatch(), randomMatch()].slice(round % 2) }] },
        { clauses: [{ matches: [randomMatch()] }, { matches: [randomMatch()] }] },
      ]),
    );
    const facts: Facts = {
      peer: random() < 0.2 ? undefined : peerOf(pick(names), pick(names)),
      port: pick([1, 2, 3, 4]),
      clientIp: Uint8Array.of(),
      destinationIp: Uint8Array.of(),
    };
    const naive = policies.some(({ rules }) =>
      rules.some(({ clauses }) =>
        clauses.every(({ matches }) => matches.some((match) => matchesFacts(match, facts))),
      ),
    );
    assert.equal(indexRules(policies).find(facts) !== undefined, naive, `round ${round}`);
  }
});

function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runRemora } from "./cli.ts";

const manifests = `apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger, namespace: shop}
spec:
  selector: {matchLabels: {app: ledger}}
  template:
    metadata: {labels: {app: ledger}}
    spec:
      containers:
        - name: app
          image: x
          ports: [{name: http, containerPort: 7000}, {name: redis, containerPort: 6379}]
---
apiVersion: policy.remora.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: admin, namespace: shop}
spec: {action: Deny, rules: [{to: {paths: [/admin, "/admin/*"]}}]}
---
apiVersion: policy.remora.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec: {action: Allow, rules: [{from: {serviceAccounts: [web]}, to: {methods: [GET]}}]}
---
apiVersion: policy.remora.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: elsewhere, namespace: other}
spec: {action: Deny, rules: [{}]}
---
apiVersion: policy.remora.dev/v1alpha1
kind: MeshPolicy
metadata: {name: default, namespace: remora-system}
spec: {mtls: Strict}
`;

const folder = mkdtempSync(join(tmpdir(), "remora-explain-"));
writeFileSync(join(folder, "shop.yaml"), manifests);
after(() => rmSync(folder, { recursive: true }));

const web = ["--from", "spiffe://cluster.local/ns/shop/sa/web"];
const explain = (...args: string[]) =>
  runRemora(["policy", "explain", "-f", folder, "--to", "shop/ledger:7000", ...args]);

test("a caller that may is answered with the policy that lets it in, and 0", async () => {
  const { code, text } = await explain(...web, "--path", "/accounts");
  assert.equal(code, 0, text);
  assert.match(text, /^permitted: policy shop\/web allows it\npath: \/accounts\n/);
  assert.match(text, /shop\/admin +Deny +no +rule 0: to\.paths does not hold/);
  assert.match(text, /mTLS: strict \(MeshPolicy remora-system\/default\)/);
  assert.doesNotMatch(text, /elsewhere +Deny/);
});

test("a caller that may not is answered with what decides, and 1", async () => {
  const { code, text } = await explain(...web, "--path", "/x/..//admin;v=1/users");
  assert.equal(code, 1, text);
  assert.match(text, /^denied: policy shop\/admin denies the request\n/);
  assert.match(text, /path: \/admin;v=1\/users\nalso read as: \/admin\/users\n/);
});

test("programs get the same as JSON", async () => {
  const args = [...web, "--method", "PUT", "--header", "X-A: b", "--output", "json"];
  const { code, text } = await explain(...args);
  assert.equal(code, 1, text);
  const { verdict, policy, reason, mesh, policies } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual([verdict, policy, reason], ["denied", null, "no allow policy matched"]);
  assert.equal((mesh as { mtls: string }).mtls, "strict");
  assert.deepEqual(policies, [
    {
      policy: "shop/admin",
      action: "deny",
      audit: false,
      matched: false,
      rules: ["to.paths does not hold"],
    },
    {
      policy: "shop/web",
      action: "allow",
      audit: false,
      matched: false,
      rules: ["to.methods does not hold"],
    },
  ]);
});

test("without a request it is asked for bytes, and a rule about requests on such a port is worth a warning", async () => {
  const { code, text } = await explain(...web);
  assert.equal(code, 1);
  assert.match(
    text,
    /^denied: policy shop\/admin denies requests, and what is not HTTP cannot be told/,
  );
  assert.match(text, /warning: AuthorizationPolicy shop\/admin: .*port 6379 of .* declared as tcp/);
  const outside = await explain("--path", "/");
  assert.match(outside.text, /^denied: plaintext, and MeshPolicy remora-system\/default asks/);
});

test("a question that cannot be understood is answered with how to ask", async () => {
  const asks: readonly [args: string[], sentence: RegExp, code: number][] = [
    [["--from", "web"], /--from is "web", and must be like spiffe:/, 64],
    [["--from-address", "x"], /--from-address is "x"/, 64],
    [["--header", "x"], /--header is "x"/, 64],
    [["--to", "ledger"], /--to is missing or is not NAMESPACE\/NAME:PORT/, 64],
    [["--to", "shop/other:1"], /no pod shop\/other in the manifests/, 1],
  ];
  for (const [args, sentence, expected] of asks) {
    const { code, text } = await explain(...args);
    assert.equal(code, expected, text);
    assert.match(text, sentence);
  }
});

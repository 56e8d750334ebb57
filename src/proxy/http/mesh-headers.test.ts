import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addClientIdentity,
  isUnprocessed,
  markDestination,
  stripMeshHeaders,
  takeDestination,
  unmarkDestination,
} from "./mesh-headers.ts";

test("nothing that begins with remora- comes from an application", () => {
  const headers = [
    "remora-client-id",
    "forged",
    "accept",
    "*/*",
    "remora-dst",
    "1",
    "remora-",
    "x",
  ];
  stripMeshHeaders(headers);
  assert.deepEqual(headers, ["accept", "*/*"]);
});

test("a destination is set once, replaced for another try, and taken away again", () => {
  const headers = ["accept", "*/*"];
  markDestination(headers, 8080, true);
  markDestination(headers, 9090, false);
  assert.deepEqual(headers, ["accept", "*/*", "remora-dst", "9090"]);
  unmarkDestination(headers);
  unmarkDestination(headers);
  assert.deepEqual(headers, ["accept", "*/*"]);
});

test("the receiving side reads the destination and removes all of the mesh's headers", () => {
  const headers = ["remora-client-id", "forged", "remora-dst", "8080;h1", "accept", "*/*"];
  assert.deepEqual(takeDestination(headers), { port: 8080, http1: true });
  assert.deepEqual(headers, ["accept", "*/*"]);
  addClientIdentity(headers, "spiffe://td/ns/a/sa/b");
  assert.deepEqual(headers.slice(2), ["remora-client-id", "spiffe://td/ns/a/sa/b"]);
});

for (const value of ["", "0", "65536", "8080;h2", "8080;h1;h1", " 8080", "http"]) {
  test(`a destination of ${JSON.stringify(value)} is none`, () => {
    assert.equal(takeDestination(["remora-dst", value]), undefined);
  });
}

test("a value that spells the mark of an unprocessed request is none", () => {
  assert.equal(isUnprocessed(["x-note", "remora-unprocessed"]), false);
  assert.equal(isUnprocessed(["x-note", "remora-unprocessed", "remora-unprocessed", "1"]), true);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestOpener } from "../../protocol/exchange.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { PooledConnection } from "./free-connections.ts";

interface FakeConnection extends PooledConnection {
  drained: boolean;
}

function createConnection(capacity: number): FakeConnection {
  const opener: RequestOpener = {
    capacity,
    open: () => assert.fail("nothing is opened here"),
  };
  return {
    opener,
    place: -1,
    drained: false,
    drain() {
      this.drained = true;
    },
  };
}

test("a one-way connection whose exchange ended while it was dialled is closed", async () => {
  const connection = createConnection(1);
  const pool = new ConnectionPool({ dial: async () => connection, shared: false, kept: false });
  await pool.connect(() => undefined);
  assert.equal(connection.drained, true);
});

test("a one-way connection that was taken stays open", async () => {
  const connection = createConnection(0);
  const pool = new ConnectionPool({ dial: async () => connection, shared: false, kept: false });
  await pool.connect(() => undefined);
  assert.equal(connection.drained, false);
});

test("an unwanted connection that can carry other requests is kept for them", async () => {
  const connection = createConnection(1);
  const pool = new ConnectionPool({ dial: async () => connection, shared: false, kept: true });
  await pool.connect(() => undefined);
  assert.equal(connection.drained, false);
  assert.equal(pool.ready(), connection.opener);
});

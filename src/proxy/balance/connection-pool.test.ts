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

/** Takes from the pool and resolves with the connection's opener. */
function take(pool: ConnectionPool, attempts = 0): Promise<RequestOpener> {
  return new Promise((connect, connectFailed) => pool.take({ attempts, connect, connectFailed }));
}

test("a one-way connection whose exchange ended while it was dialled is closed", async () => {
  const connection = createConnection(1);
  const pool = new ConnectionPool({ dial: async () => connection, shared: false, kept: false });
  await take(pool);
  assert.equal(connection.drained, true);
});

test("a one-way connection that was taken stays open", async () => {
  const connection = createConnection(0);
  const pool = new ConnectionPool({ dial: async () => connection, shared: false, kept: false });
  await take(pool);
  assert.equal(connection.drained, false);
});

/** A pool of connections that carry one request after another, and what it dialled. */
function createKept(): { pool: ConnectionPool; dialled: FakeConnection[] } {
  const dialled: FakeConnection[] = [];
  const dial = async (): Promise<FakeConnection> => {
    const connection = createConnection(1);
    dialled.push(connection);
    return connection;
  };
  return { pool: new ConnectionPool({ dial, shared: false, kept: true }), dialled };
}

test("an unwanted connection that can carry other requests is kept for them", async () => {
  const { pool, dialled } = createKept();
  const opener = await take(pool);
  assert.equal(dialled[0]?.drained, false);
  assert.equal(await take(pool), opener);
  assert.equal(dialled.length, 1);
});

test("a request that was sent in vain before gets a connection that was not idle", async () => {
  const { pool, dialled } = createKept();
  const idle = await take(pool);
  const fresh = await take(pool, 1);
  assert.equal(dialled.length, 2);
  assert.notEqual(fresh, idle);
});

test("a connection that is there is handed over at once, and a dial that fails is told", async () => {
  const { pool } = createKept();
  const opener = await take(pool);
  const seen: RequestOpener[] = [];
  const connectFailed = (): void => assert.fail("nothing is dialled");
  pool.take({ attempts: 0, connect: (one) => void seen.push(one), connectFailed });
  assert.deepEqual(seen, [opener]);
  const dial = async (): Promise<FakeConnection> => {
    throw new Error("nobody listens");
  };
  const broken = new ConnectionPool({ dial, shared: true, kept: true });
  await assert.rejects(take(broken), /nobody listens/);
});

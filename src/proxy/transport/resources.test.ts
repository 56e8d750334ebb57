import assert from "node:assert/strict";
import { test } from "node:test";
import { measurementsPerRead, processResources } from "./resources.ts";

const mebibyte = 2 ** 20;

/** A container of 64 MiB, in which V8 has 32. */
function scene() {
  const kernel = { used: 32 * mebibyte, limit: 64 * mebibyte, reads: 0 };
  const heap = {
    used_heap_size: 8 * mebibyte,
    total_heap_size: 16 * mebibyte,
    external_memory: 4 * mebibyte,
    heap_size_limit: 32 * mebibyte,
  };
  const readContainer = (): { used: number; limit: number } => {
    kernel.reads += 1;
    return { used: kernel.used, limit: kernel.limit };
  };
  return { kernel, heap, resources: processResources(readContainer, () => heap) };
}

test("what V8 took since the kernel was asked is part of the container's share at once", () => {
  const { kernel, heap, resources } = scene();
  assert.deepEqual(resources.measure(true), { heap: 0.25, container: 0.5 });
  heap.total_heap_size += 8 * mebibyte;
  heap.external_memory += 8 * mebibyte;
  assert.equal(resources.measure(false).container, 0.75);
  assert.equal(kernel.reads, 1);
});

test("what V8 gave back counts when the kernel says so, since it may keep the pages", () => {
  const { kernel, heap, resources } = scene();
  resources.measure(true);
  heap.total_heap_size -= 8 * mebibyte;
  assert.equal(resources.measure(false).container, 0.5);
  kernel.used -= 8 * mebibyte;
  assert.equal(resources.measure(true).container, 0.375);
});

test("the kernel is asked again after some measurements, and then its word alone counts", () => {
  const { kernel, heap, resources } = scene();
  heap.external_memory += 16 * mebibyte;
  for (let n = 1; n < measurementsPerRead; n += 1) resources.measure(false);
  assert.equal(kernel.reads, 0);
  kernel.used = 48 * mebibyte;
  assert.equal(resources.measure(false).container, 0.75);
  assert.equal(kernel.reads, 1);
});

test("without a container's limit its share is nothing", () => {
  const { heap } = scene();
  const resources = processResources(undefined, () => heap);
  assert.deepEqual(resources.measure(true), { heap: 0.25, container: 0 });
});

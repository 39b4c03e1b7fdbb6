import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Fault, FaultRequest } from "../../simulator/faults/fault.ts";
import { expectOrder } from "../helpers/array-order.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import { rawImage } from "../helpers/test-images.ts";
import {
  arrayName,
  type StageArray,
  startArray,
} from "../helpers/use-array.ts";
import { useStage } from "../helpers/use-stage.ts";

/** Every kind of change that a cold create and a delete send. */
const writes = [
  "POST volumes",
  "PATCH volumes",
  "PUT volumes/tags/batch",
  "POST hosts",
  "POST connections",
  "DELETE connections",
  "DELETE volumes",
] as const;

/** The daemon made its host with the first of them, before the faults. */
const onceOnly = new Set<string>(["POST hosts"]);

const faults: readonly Fault[] = [
  { kind: "reset-after" },
  { kind: "reset-before" },
];

describe("whole creates and deletes on an array that loses requests and replies", () => {
  const stage = useStage({ sizeGb: 20 });
  const table: string[] = [];
  let array: StageArray;
  let daemon: TestDaemon;

  beforeAll(async () => {
    array = await startArray(stage);
    daemon = await stage.start(
      "node-a",
      array.env({ pure_eradicate_on_delete: true }),
    );
  }, 120_000);
  afterAll(async () => {
    process.stdout.write(`${table.join("\n")}\n`);
    await daemon.stop();
    await array[Symbol.asyncDispose]();
  }, 60_000);

  /** A cold create that grows its clone, a hit, and both deleted; what is left is told. */
  async function wholeLife(): Promise<void> {
    const image = stage.images.add(rawImage());
    const ids = [randomUUID(), randomUUID()];
    const paths: string[] = [];
    for (const volume_id of ids) {
      const made = await stage.create(image.id, { volume_id, size: 2 });
      paths.push(made.path);
    }
    expect(paths).toEqual(["miss", "hit"]);
    expect(image.downloads).toBe(1);
    await expectOrder(stage, array, ids);
    const names = ids.map(arrayName);
    expect(await array.wrong(names, image.image.raw, 2)).toEqual([]);
    for (const [index, volume_id] of ids.entries()) {
      await eventually(
        "it is labelled",
        () => array.tags(names[index] ?? "")["image-id"] === image.id,
      );
      await stage.call("delete_volume", { volume_id });
    }
    await expectOrder(stage, array, []);
    expect(array.destroyedNames()).toEqual([]);
    expect(stage.events.lookups(ids)).toEqual({ hit: 1, miss: 1 });
  }

  it("find every kind of change in a create, a hit and a delete", async () => {
    const mark = array.simulator.log.mark();
    await wholeLife();
    const seen = new Set(
      array.simulator.log
        .since(mark)
        .filter(({ method }) => method !== "GET")
        .map(({ method, path }) => `${method} ${path}`),
    );
    expect(writes.filter((write) => !seen.has(write))).toEqual([]);
    expect([...seen].filter((each) => !writes.includes(each as never))).toEqual(
      [],
    );
  }, 60_000);

  const cases = writes
    .filter((write) => !onceOnly.has(write))
    .flatMap((write) => faults.map((fault) => [write, fault] as const));

  it.each(cases)(
    "end well when every %s meets %j the first time",
    async (write, fault) => {
      const [method = "", path = ""] = write.split(" ");
      const met = new Set<string>();
      const mark = array.simulator.log.mark();
      const rule = array.simulator.faults.add({
        method,
        path,
        times: "always",
        when: (request) => isFirst(request, met),
        fault,
      });
      await wholeLife();
      rule.remove();
      expect(rule.calls).toBeGreaterThan(0);
      const sent = array.simulator.log.calls(method, path, mark).length;
      table.push(
        `${write.padEnd(24)} ${fault.kind.padEnd(15)} hurt ${rule.calls}, sent ${sent}: served, nothing twice, nothing left`,
      );
    },
    60_000,
  );

  it("end well when the array is unavailable for 3 s, again and again", async () => {
    const rule = array.simulator.faults.add({
      times: "always",
      fault: { kind: "unavailable" },
    });
    const life = wholeLife();
    await sleep(3000);
    rule.remove();
    await life;
    expect(rule.calls).toBeGreaterThan(2);
  }, 60_000);

  it("end well when the array has too many requests and says for how long", async () => {
    const rule = array.simulator.faults.add({
      skip: 3,
      times: 4,
      fault: { kind: "too-many-requests", headers: { "Retry-After": "1" } },
    });
    const mark = array.simulator.log.mark();
    await wholeLife();
    rule.remove();
    expect(rule.calls).toBe(4);
    const [first, ...later] = array.simulator.log
      .since(mark)
      .filter(({ status }) => status === 429)
      .map(({ at }) => at);
    expect(Math.max(...later) - (first ?? 0)).toBeGreaterThanOrEqual(1000);
  }, 60_000);
});

/** True once for each request: the same one sent again is let through. */
function isFirst(request: FaultRequest, met: Set<string>): boolean {
  const { method, path, query, body } = request;
  const key = JSON.stringify([method, path, query, body]);
  if (met.has(key)) {
    return false;
  }
  met.add(key);
  return true;
}

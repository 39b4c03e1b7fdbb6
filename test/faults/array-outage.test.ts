import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { expectOrder } from "../helpers/array-order.ts";
import type { TestDaemon } from "../helpers/daemon.ts";
import { eventually } from "../helpers/eventually.ts";
import { TcpProxy } from "../helpers/tcp-proxy.ts";
import { rawImage } from "../helpers/test-images.ts";
import {
  arrayName,
  type StageArray,
  startArray,
} from "../helpers/use-array.ts";
import { useStage } from "../helpers/use-stage.ts";

const awayMs = 10_000;

describe("an array that is away", () => {
  const stage = useStage({ sizeGb: 20 });
  const made: string[] = [];
  let array: StageArray;
  let daemon: TestDaemon;
  let proxy: TcpProxy;
  let port = 0;

  beforeAll(async () => {
    array = await startArray(stage);
    proxy = await openProxy();
    ({ port } = proxy);
    daemon = await stage.prepare(
      "node-a",
      array.env({}, { address: `127.0.0.1:${port}` }),
    );
  }, 120_000);
  afterAll(async () => {
    await daemon.stop();
    await proxy[Symbol.asyncDispose]();
    await array[Symbol.asyncDispose]();
  }, 60_000);

  async function openProxy(): Promise<TcpProxy> {
    const { hostname: host, port: own } = new URL(array.simulator.url);
    return await TcpProxy.open({ host, port: Number(own) }, port);
  }

  /** The array cannot be reached while `work` goes on, and for 10 s at least. */
  async function outage(work: () => Promise<unknown>): Promise<void> {
    await proxy[Symbol.asyncDispose]();
    const over = sleep(awayMs);
    await work();
    await over;
    proxy = await openProxy();
  }

  it("is waited for at the daemon's start", async () => {
    await outage(async () => {
      daemon.launch();
      await eventually(
        "it says what it waits for",
        () => daemon.log("waiting for the array").length > 0,
        30_000,
      ).catch(() => {});
      expect((await daemon.page("/readyz")).status).toBe(503);
    });
    await daemon.ready();
    expect(daemon.isRunning).toBe(true);
  }, 90_000);

  it("lets hits wait, or fails them clearly, and leaves nothing", async () => {
    // The client of all calls comes with a daemon that the stage has started.
    const helper = await stage.start("node-b", array.env());
    const image = stage.images.add(rawImage());
    const first = await stage.create(
      image.id,
      {},
      { server: "node-a@flasharray" },
    );
    made.push(first.volume_id);
    const ids = Array.from({ length: 6 }, () => randomUUID());
    const outcomes: Promise<string>[] = [];
    await outage(async () => {
      for (const volume_id of ids) {
        const parts = { server: "node-a@flasharray", timeoutMs: 60_000 };
        outcomes.push(
          stage.create(image.id, { volume_id }, parts).then(
            () => "made",
            (error: unknown) => String(error),
          ),
        );
        await sleep(500);
      }
    });
    const words = await Promise.all(outcomes);
    for (const [index, word] of words.entries()) {
      expect(word).toMatch(/^made$|ARRAY_UNREACHABLE: .*cannot be reached/);
      made.push(...(word === "made" ? [ids[index] ?? ""] : []));
    }
    await expectOrder(stage, array, made);
    const again = await stage.create(image.id);
    made.push(again.volume_id);
    expect(again.path).toBe("hit");
    await expectOrder(stage, array, made);
    expect(await array.wrong(made.map(arrayName), image.image.raw)).toEqual([]);
    expect(await helper.stop()).toEqual({ code: 0, signal: null });
  }, 90_000);

  it("is not replaced by another one: that is only read, and the daemon ends", async () => {
    await using other = await startArray(stage, { name: "other" });
    const { apiToken, caFile, url, log, model } = other.simulator;
    const stranger = await stage.prepare(
      "node-c",
      array.env(
        { pure_api_token: apiToken, driver_ssl_cert_path: caFile },
        { address: new URL(url).host },
      ),
    );
    stranger.launch();
    expect(await stranger.exit).toEqual({ code: 78, signal: null });
    expect(stranger.output).toMatch(
      new RegExp(
        `BACKEND_CONFLICT.* is on the array ${model.id}, and this Redis knows the backend as ${array.simulator.model.id}/`,
      ),
    );
    const changes = log
      .since()
      .filter(({ method }) => method !== "GET")
      .map(({ method, path }) => `${method} ${path}`);
    expect(new Set(changes)).toEqual(new Set(["POST login", "POST logout"]));
    expect(other.liveNames()).toEqual([]);
    await expectOrder(stage, array, made);
  }, 60_000);
});

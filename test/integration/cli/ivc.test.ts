import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type {
  HandlerResult,
  RpcRequest,
} from "../../../daemon/consumers/rpc-request.ts";
import { ImageError } from "../../../daemon/errors.ts";
import { eventually } from "../../helpers/eventually.ts";
import { type RpcRig, startRpcRig } from "../../helpers/rpc-rig.ts";
import { runIvc, startIvc } from "../../helpers/run-ivc.ts";
import { useRabbitmq } from "../../helpers/use-rabbitmq.ts";

const uuid = "5f0c6f4e-6f0a-4d52-8a3c-1b7f0b6d9a10";
const imageId = "0b3c1a52-91d2-4c4e-a7a0-3f6a3b7d2c11";
const result = (value: unknown): HandlerResult => ({
  kind: "answer",
  outcome: { kind: "result", result: value },
});

describe("ivc, to a daemon with scripted answers", () => {
  const broker = useRabbitmq();
  const requests: RpcRequest[] = [];
  const slowness = Promise.withResolvers<void>();
  let rig: RpcRig;
  const env = () => ({ IVC_AMQP_URL: broker.url });
  const last = () => requests.at(-1);

  beforeAll(async () => {
    const answer =
      (work: (request: RpcRequest) => unknown) =>
      async (request: RpcRequest) => {
        requests.push(request);
        return result(await work(request));
      };
    rig = await startRpcRig({
      url: broker.url,
      exchange: "openstack",
      topic: "image-volume-cache",
      handlers: {
        create_volume: answer(async ({ args }) => {
          if (args["name"] === "slow") {
            await slowness.promise;
          }
          if (args["name"] === "corrupt") {
            throw new ImageError("IMAGE_CORRUPT", "the sha512 is another");
          }
          return { ...args, status: "available", path: "hit", size: 5 };
        }),
        delete_volume: answer(({ args }) => ({ ...args, status: "deleted" })),
        initialize_connection: answer(({ args }) => ({
          driver_volume_type: "iscsi",
          data: {
            target_portals: ["10.0.0.1:3260", "[fd00::1]:3260"],
            target_luns: [7, 7],
            discard: true,
            auth_username: (args["connector"] as { host: string }).host,
            auth_password: "chap-canary-7f3a",
          },
        })),
        terminate_connection: answer(({ args }) => ({
          volume_id: args["volume_id"],
          status: "disconnected",
        })),
        get_volume: answer(({ args }) => ({
          ...args,
          status: "available",
          backend: "flash",
          connection: null,
        })),
        list_volumes: answer(({ args }) => {
          const first = args["marker"] === undefined;
          const volumes = first
            ? [{ volume_id: uuid }, { volume_id: imageId }]
            : [{ volume_id: "last" }];
          return { volumes, next_marker: first ? imageId : null };
        }),
        cache_list: answer(() => ({
          entries: [
            { state: "ready", content: "sha512:aa/raw", hits: 2 },
            { state: "evicting", content: "sha512:bb/raw", hits: 0 },
          ],
        })),
        cache_evict: answer(({ args }) => ({ ...args, status: "evicted" })),
      },
    });
  }, 120_000);
  afterAll(async () => {
    slowness.resolve();
    await rig[Symbol.asyncDispose]();
  });

  it("creates a volume with what the options say, and prints the answer", async () => {
    const { status, stdout, stderr } = await runIvc(
      [
        "volume create --size 2T --metadata a=1 --metadata b=2 --no-cache --json --project p1",
        `--image ${imageId.toUpperCase()} --volume-id ${uuid}`,
      ].flatMap((words) => words.split(" ")),
      { ...env(), OS_TOKEN: "gAAAA", OS_USER_ID: "u1" },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(last()?.args).toEqual({
      volume_id: uuid,
      image_id: imageId,
      size: 2048,
      metadata: { a: "1", b: "2" },
      cache: "bypass",
    });
    expect(last()?.access).toMatchObject({
      projectId: "p1",
      userId: "u1",
      isAdmin: false,
      authToken: "gAAAA",
    });
    expect(JSON.parse(stdout)).toMatchObject({ path: "hit", volume_id: uuid });
  });

  it("ends with 1 and the daemon's words when it refuses", async () => {
    const args = ["volume", "create", "--image", imageId, "--name", "corrupt"];
    const { status, stdout, stderr } = await runIvc(args, env());
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toBe("ivc: IMAGE_CORRUPT: the sha512 is another\n");
    const json = await runIvc([...args, "--json"], env());
    expect(JSON.parse(json.stdout)).toEqual({
      error: {
        code: "IMAGE_CORRUPT",
        message: "IMAGE_CORRUPT: the sha512 is another",
        class: "ImageUnacceptable",
        status: 400,
      },
    });
  });

  it("ends with 3 when no answer comes in time, and says that the create goes on", async () => {
    const { status, stderr } = await runIvc(
      `volume create --image ${imageId} --name slow --volume-id ${uuid} --timeout 1s`.split(
        " ",
      ),
      env(),
    );
    expect(status).toBe(3);
    expect(stderr).toContain("RPC_TIMEOUT");
    expect(stderr).toContain(`The create goes on: ivc volume show ${uuid}`);
  });

  it("ends with 130 on Ctrl-C, and says that the create goes on", async () => {
    const before = requests.length;
    const ivc = startIvc(
      ["volume", "create", "--image", imageId, "--name", "slow"],
      env(),
    );
    await eventually("the create arrived", () => requests.length > before);
    ivc.child.kill("SIGINT");
    const { status, stderr } = await ivc.result;
    expect(status).toBe(130);
    const volumeId = String(last()?.args["volume_id"]);
    expect(stderr).toContain(`The create goes on: ivc volume show ${volumeId}`);
  });

  it("ends with 4 when nobody listens on the topic", async () => {
    const { status, stderr } = await runIvc(
      ["cache", "stats", "--topic", "nobody"],
      env(),
    );
    expect(status).toBe(4);
    expect(stderr).toContain("RPC_NO_SERVER");
  });

  it("lists all pages, or says where to go on", async () => {
    const all = await runIvc(["volume", "list", "--json"], env());
    expect(JSON.parse(all.stdout)).toMatchObject({
      volumes: [{ volume_id: uuid }, {}, { volume_id: "last" }],
      next_marker: null,
    });
    const some = await runIvc(["volume", "list", "--limit", "2"], env());
    expect(some.stdout.trim().split("\n")).toHaveLength(3);
    expect(some.stderr).toContain(`--marker ${imageId}`);
  });

  it("deletes several volumes", async () => {
    const { status, stdout } = await runIvc(
      ["volume", "delete", uuid, imageId],
      env(),
    );
    expect(status).toBe(0);
    expect(stdout).toBe(`deleted ${uuid}\ndeleted ${imageId}\n`);
  });

  it("connects a volume to a host, and keeps the password from the screen", async () => {
    const args =
      `volume connect ${uuid} --host compute-1 --initiator iqn.2010-06.org:a --nqn nqn.2014-08.org:b --wwpn 500a09808001c2d3 --wwpn 500a09808001c2d4`.split(
        " ",
      );
    const { status, stdout, stderr } = await runIvc(args, env());
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(last()?.args).toEqual({
      volume_id: uuid,
      connector: {
        host: "compute-1",
        initiator: "iqn.2010-06.org:a",
        nqn: "nqn.2014-08.org:b",
        wwpns: ["500a09808001c2d3", "500a09808001c2d4"],
      },
    });
    expect(stdout.trimEnd().split("\n")).toEqual([
      "driver_volume_type  iscsi",
      "target_portals      10.0.0.1:3260, [fd00::1]:3260",
      "target_luns         7, 7",
      "discard             true",
      "auth_username       compute-1",
      "auth_password       *** (--json shows it)",
    ]);
    const json = await runIvc([...args, "--json"], env());
    expect(JSON.parse(json.stdout)).toMatchObject({
      driver_volume_type: "iscsi",
      data: { auth_password: "chap-canary-7f3a" },
    });
  });

  it("disconnects a volume from one host, or from all", async () => {
    const one = await runIvc(
      ["volume", "disconnect", uuid, "--host", "compute-1"],
      env(),
    );
    expect(one.stdout).toBe(`disconnected ${uuid}\n`);
    expect(last()?.args).toEqual({
      volume_id: uuid,
      connector: { host: "compute-1" },
    });
    const all = await runIvc(
      ["volume", "disconnect", uuid, "--all", "--json"],
      env(),
    );
    expect(JSON.parse(all.stdout)).toEqual({
      volume_id: uuid,
      status: "disconnected",
    });
    expect(last()?.args).toEqual({ volume_id: uuid });
  });

  it("says of an array's volume that it has to be connected first", async () => {
    const { stdout } = await runIvc(["volume", "show", uuid], env());
    expect(stdout).toMatch(
      /^connection +for each host: ivc volume connect <id> --host <host>$/m,
    );
  });

  it("acts as an admin on the cache, and evicts what can be evicted", async () => {
    const { status, stdout } = await runIvc(
      ["cache", "evict", "--all", "--yes", "--json"],
      env(),
    );
    expect(status).toBe(0);
    expect(last()?.access.isAdmin).toBe(true);
    expect(JSON.parse(stdout)).toEqual({
      entries: [{ content: "sha512:aa/raw", status: "evicted" }],
    });
  });

  it("takes the end of its reader for no failure", async () => {
    const ivc = startIvc(["cache", "list"], env());
    ivc.result.catch(() => {}); // Its output cannot be read.
    ivc.child.stdout?.destroy();
    await once(ivc.child, "exit");
    expect(ivc.child.exitCode).toBe(0);
  });
});

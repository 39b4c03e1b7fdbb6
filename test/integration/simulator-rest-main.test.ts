import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { Simulator } from "../../simulator/simulator.ts";
import { arrayRequest } from "../helpers/array-request.ts";
import { eventually } from "../helpers/eventually.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const main = fileURLToPath(new URL("../../simulator/main.ts", import.meta.url));

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** The exit code, or the signal. */
  readonly ended: Promise<unknown>;
}

function run(...args: string[]): Run & AsyncDisposable {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", main, ...args],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const ended = once(child, "close").then(
    ([code, signal]: unknown[]) => code ?? signal,
  );
  return {
    child,
    output: () => text,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function acceptsConnection(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function told(output: string, what: string): string {
  return new RegExp(`^ {2}${what} +(\\S+)`, "mu").exec(output)?.[1] ?? "";
}

describe("npm run simulator", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "tells how to reach it, serves that, and leaves nothing after %s",
    async (signal) => {
      await using folder = await tempFolder();
      await using simulator = run(
        "--folder",
        folder.path,
        "--newest",
        "2.36",
        "--safe-mode",
        "--page-size",
        "2",
        "--set",
        "arrayName=mine",
        "--api-token",
        "t-1",
      );
      await eventually("it runs", () =>
        simulator.output().includes("Ctrl-C ends it"),
      );
      const output = simulator.output();
      const url = told(output, "array");
      const ca = await readFile(told(output, "authority"), "utf8");
      const send = async (request: {
        method?: string;
        path: string;
        headers?: Record<string, string>;
      }) => await arrayRequest({ url, ca, ...request });
      expect(
        JSON.parse((await send({ path: "/api/api_version" })).text),
      ).toMatchObject({
        version: expect.arrayContaining(["1.19", "2.0", "2.36"]),
      });
      const login = await send({
        method: "POST",
        path: "/api/2.36/login",
        headers: { "api-token": told(output, "API token") },
      });
      const headers = { "x-auth-token": String(login.headers["x-auth-token"]) };
      const arrays = await send({ path: "/api/2.36/arrays", headers });
      expect(JSON.parse(arrays.text)).toMatchObject({
        items: [{ name: "mine" }],
      });
      const settings = await fetch(`${told(output, "control")}/settings`);
      expect(await settings.json()).toMatchObject({
        manualEradication: "all-disabled",
        pageSize: 2,
      });
      simulator.child.kill(signal);
      await expect(simulator.ended).resolves.toBe(0);
      expect(simulator.output()).toMatch(/has stopped/u);
      expect(await readdir(folder.path)).toEqual([]);
      await expect(send({ path: "/api/api_version" })).rejects.toMatchObject({
        code: "ECONNREFUSED",
      });
    },
  );

  it.each([
    ["an option that is none", ["--prot", "1"], /--prot/u],
    ["a port that is none", ["--port", "65536"], /at most 65535/u],
    ["a version that is none", ["--newest", "2.x"], /2\.26/u],
    ["a version too new", ["--newest", "2.37"], /from 2\.0 to 2\.36/u],
    ["a page without items", ["--page-size", "0"], /from 1 on/u],
    ["a data plane that is none", ["--data-plane", "nvme"], /file or iscsi/u],
    ["a word that is none", ["--set", "manualEradication=no"], /all-disabled/u],
    ["a setting that is none", ["--set", "colour=1"], /no setting colour/u],
    [
      "a setting of another type",
      ["--set", "maxVolumes=ten"],
      /maxVolumes has to be a whole number/u,
    ],
  ])("ends with 2 and says why for %s", async (_, args, message) => {
    await using folder = await tempFolder();
    await using simulator = run("--folder", folder.path, ...args);
    await expect(simulator.ended).resolves.toBe(2);
    expect(simulator.output()).toMatch(message);
    expect(simulator.output()).toMatch(/--data-plane <kind>/u);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("has iSCSI portals when asked for, which end with it", async () => {
    await using folder = await tempFolder();
    await using simulator = run(
      "--folder",
      folder.path,
      "--data-plane",
      "iscsi",
      "--address",
      "127.0.0.3",
    );
    await eventually("it runs", () =>
      simulator.output().includes("Ctrl-C ends it"),
    );
    const [, port] = / at 127\.0\.0\.3:(\d+)\./u.exec(simulator.output()) ?? [];
    expect(await acceptsConnection("127.0.0.3", Number(port))).toBe(true);
    simulator.child.kill("SIGTERM");
    await expect(simulator.ended).resolves.toBe(0);
    expect(await acceptsConnection("127.0.0.3", Number(port))).toBe(false);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("removes what one that was killed left, and only that", async () => {
    await using folder = await tempFolder();
    await mkdir(path.join(folder.path, "flash-array-mine"));
    await using killed = run("--folder", folder.path);
    await using alive = run("--folder", folder.path);
    for (const simulator of [killed, alive]) {
      await eventually("it runs", () =>
        simulator.output().includes("Ctrl-C ends it"),
      );
    }
    killed.child.kill("SIGKILL");
    await killed.ended;
    await using next = run("--folder", folder.path, "--newest", "2.2");
    await eventually("it runs", () => next.output().includes("Ctrl-C ends it"));
    expect(next.output()).toMatch(/\/api\/2\.2\/login/u);
    const kept = [alive, next].map((simulator) =>
      path.basename(path.dirname(told(simulator.output(), "authority"))),
    );
    expect((await readdir(folder.path)).toSorted()).toEqual(
      [...kept, "flash-array-mine"].toSorted(),
    );
  });

  it("ends when npm is told to or dies", async () => {
    for (const signal of ["SIGTERM", "SIGHUP"] as const) {
      await using folder = await tempFolder();
      const npm = spawn(
        "npm",
        ["run", "--ignore-scripts", "simulator", "--", "--folder", folder.path],
        { cwd: path.dirname(path.dirname(main)), stdio: "pipe" },
      );
      let output = "";
      npm.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
      await eventually("it runs", () => output.includes("Ctrl-C ends it"));
      npm.kill(signal);
      await eventually(
        "its folder is gone",
        async () => (await readdir(folder.path)).length === 0,
      );
      expect(await readdir(folder.path)).toEqual([]);
    }
  }, 30_000);

  it("says what is wrong with a folder or a port", async () => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, "file");
    await writeFile(file, "");
    await using first = run("--folder", file);
    await expect(first.ended).resolves.toBe(1);
    expect(first.output()).toMatch(/it is no folder/u);
    await using other = await Simulator.start({ folder: folder.path });
    const { port } = new URL(other.url);
    for (const option of ["--port", "--control-port"]) {
      await using taken = run("--folder", folder.path, option, port);
      await expect(taken.ended).resolves.toBe(1);
      expect(taken.output()).toMatch(/somebody else listens there/u);
    }
  });

  it("shows its options", async () => {
    await using simulator = run("--help");
    await expect(simulator.ended).resolves.toBe(0);
    expect(simulator.output()).toMatch(/--newest <2\.x>/u);
  });
});

describe("A simulator in a test", () => {
  it("has what a test wants to turn, and leaves nothing", async () => {
    await using folder = await tempFolder();
    const simulator = await Simulator.start({
      folder: folder.path,
      versions: ["2.4", "2.26"],
      apiToken: "t-2",
      settings: { pageSize: 2 },
    });
    const { url, caFile, apiToken } = simulator;
    const ca = await readFile(caFile, "utf8");
    const { headers } = await arrayRequest({
      url,
      ca,
      method: "POST",
      path: "/api/2.26/login",
      headers: { "api-token": apiToken },
    });
    const made = await arrayRequest({
      url,
      ca,
      method: "POST",
      path: "/api/2.26/volumes?names=a",
      headers: { "x-auth-token": String(headers["x-auth-token"]) },
      body: '{"provisioned":1048576}',
    });
    expect(made.status).toBe(200);
    expect(simulator.log.calls("POST", "volumes")).toMatchObject([
      { query: { names: "a" }, body: { provisioned: 1_048_576 } },
    ]);
    expect(simulator.sessions.logins).toBe(1);
    expect(simulator.model.settings.pageSize).toBe(2);
    expect(simulator.fingerprint).toMatch(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/u);
    const { items } = JSON.parse(made.text) as { items: [{ id: string }] };
    expect(
      path.relative(folder.path, simulator.dataPlane.pathOf(items[0].id)),
    ).not.toMatch(/^\.\./u);
    await simulator[Symbol.asyncDispose]();
    expect(await readdir(folder.path)).toEqual([]);
  });
});

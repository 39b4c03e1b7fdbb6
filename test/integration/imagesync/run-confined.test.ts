import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { findQemuImg } from "../../../daemon/imagesync/find-qemu-img.ts";
import {
  type ConfinedCommand,
  runConfined,
} from "../../../daemon/imagesync/run-confined.ts";
import { childrenOfThisProcess } from "../../helpers/copy-bench.ts";
import { unhurried } from "../../helpers/image-requests.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const tools = await findQemuImg();
const limits = {
  addressSpaceBytes: 1024 ** 3,
  cpuSeconds: 60,
  fileBytes: null,
};

function shell(script: string): ConfinedCommand {
  return { ...limits, program: "/bin/sh", args: ["-c", script] };
}

async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return status !== null && !/\) [ZX] /.test(status);
}

async function until(
  condition: () => Promise<boolean>,
  deadlineMs = 10_000,
): Promise<boolean> {
  const endMs = performance.now() + deadlineMs;
  while (performance.now() < endMs) {
    if (await condition()) {
      return true;
    }
    await new Promise(setImmediate);
  }
  return false;
}

describe("runConfined", () => {
  it("gives the program limits, no privileges to gain and an empty environment", async () => {
    let output = "";
    const exit = await runConfined(
      tools,
      {
        ...limits,
        fileBytes: 4_096,
        program: "/bin/cat",
        args: ["/proc/self/limits", "/proc/self/status", "/proc/self/environ"],
        onOutput: (text) => {
          output += text;
        },
      },
      unhurried,
    );
    expect(exit).toEqual({
      code: 0,
      signal: null,
      stderr: "",
      isSilent: false,
      endedBy: null,
    });
    expect(output).toMatch(/Max address space +1073741824 /);
    expect(output).toMatch(/Max cpu time +60 /);
    expect(output).toMatch(/Max core file size +0 /);
    expect(output).toMatch(/Max file size +4096 /);
    expect(output).toMatch(/NoNewPrivs:\t1/);
    const [environment] = output.split("\n").slice(-1);
    expect(environment?.split("\0").filter((entry) => entry !== "")).toEqual([
      "LC_ALL=C",
      "PATH=/usr/bin:/bin",
      "MALLOC_ARENA_MAX=2",
    ]);
  });

  it("tells exit codes, signals and the end of stderr", async () => {
    const failed = await runConfined(
      tools,
      shell("echo no >&2; exit 3"),
      unhurried,
    );
    expect(failed).toMatchObject({ code: 3, signal: null, stderr: "no" });
    const killed = await runConfined(tools, shell("kill -9 $$"), unhurried);
    expect(killed.signal).toBe("SIGKILL");
    const missing = runConfined(
      { ...tools, setpriv: "/nonexistent" },
      shell("true"),
      unhurried,
    );
    await expect(missing).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("hands on a descriptor and more environment", async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, "secret");
    await writeFile(path, "by descriptor 3");
    await using file = await open(path);
    await rm(path);
    let output = "";
    await runConfined(
      tools,
      {
        ...shell('cat /dev/fd/3; echo " $MORE"'),
        inheritedFd: file.fd,
        environment: { MORE: "and by name" },
        onOutput: (text) => {
          output += text;
        },
      },
      unhurried,
    );
    expect(output).toBe("by descriptor 3 and by name\n");
  });

  it("ends a program that is silent for too long, even a deaf one, and no other", async () => {
    const silent = await runConfined(
      tools,
      {
        ...shell("trap '' TERM; while :; do echo busy >&2; sleep 0.01; done"),
        silenceMs: 200,
        graceMs: 50,
      },
      unhurried,
    );
    expect(silent).toMatchObject({ signal: "SIGKILL", isSilent: true });
    const talking = await runConfined(
      tools,
      {
        ...shell("for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done"),
        silenceMs: 1_000,
      },
      unhurried,
    );
    expect(talking).toMatchObject({ code: 0, isSilent: false });
  });

  it("returns from an abort only when the program is gone, even a deaf one", async () => {
    const abort = new AbortController();
    let pid = 0;
    const running = runConfined(
      tools,
      {
        ...shell("trap '' TERM; echo $$; while :; do :; done"),
        graceMs: 50,
        onOutput: (text) => {
          pid = Number(text.trim());
          abort.abort(new Error("enough"));
        },
      },
      abort,
    );
    await expect(running).rejects.toThrow("enough");
    expect(pid).toBeGreaterThan(0);
    expect(await isAlive(pid)).toBe(false);
    const children = await childrenOfThisProcess();
    expect(children.filter((line) => line.includes("trap"))).toEqual([]);
  });

  it("does not start anything for a signal that was aborted before", async () => {
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(
      runConfined({ setpriv: "/x", prlimit: "/x" }, shell("true"), { signal }),
    ).rejects.toThrow("too late");
  });

  it("lets the program die with this process", async () => {
    const module = new URL(
      "../../../daemon/imagesync/run-confined.ts",
      import.meta.url,
    );
    const program = `
      import { runConfined } from ${JSON.stringify(module.href)};
      await runConfined(${JSON.stringify(tools)}, {
        ...${JSON.stringify(shell("echo $$; exec sleep 300"))},
        onOutput: (text) => process.stdout.write(text),
      }, { signal: new AbortController().signal });`;
    const parent = spawn(
      process.execPath,
      ["--input-type=module", "--eval", program],
      { stdio: ["ignore", "pipe", "ignore"], env: {} },
    );
    const [text] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(text.toString().trim());
    expect(await isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    expect(await until(async () => !(await isAlive(pid)))).toBe(true);
  });

  it.each([
    ["at once, in the middle of its work", "exec sleep 60"],
    ["even when it is the last thing it prints", "exit 0"],
  ])("ends a program for a line of stderr, %s", async (_, next) => {
    const exit = await runConfined(
      tools,
      {
        ...shell(
          `printf 'note: a\\nodd\\nnote: b\\nbro' >&2; printf 'ken' >&2; ${next === "exit 0" ? "" : "echo >&2; "}${next}`,
        ),
        endsOn: /^broken$/,
        ignores: /^note/,
      },
      unhurried,
    );
    expect(exit).toMatchObject({ endedBy: "broken", stderr: "odd\nbroken" });
  });
});

describe("findQemuImg", () => {
  it("names the package to install when a tool is missing", async () => {
    await expect(findQemuImg(["/nonexistent"])).rejects.toMatchObject({
      code: "TOOL_MISSING",
      message: expect.stringContaining("apt-get install qemu-utils"),
    });
  });
});

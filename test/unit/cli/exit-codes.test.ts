import { describe, expect, it } from "@jest/globals";
import { runIvc } from "../../helpers/run-ivc.ts";

const uuid = "5f0c6f4e-6f0a-4d52-8a3c-1b7f0b6d9a10";
// Nobody listens there: a command that gets as far as sending ends with 4.
const nowhere = { IVC_AMQP_URL: "amqp://u:secret@127.0.0.1:1/" };

describe("ivc", () => {
  it.each([
    ["frobnicate"],
    ["volume", "list", "--frobnicate"],
    ["volume", "show", "1234"],
    ["volume", "show", uuid, uuid],
    ["volume", "delete"],
    ["volume", "create"],
    ["volume", "create", "--image", uuid, "--size", "0"],
    ["volume", "create", "--image", uuid, "--url", "http://x/y"],
    ["volume", "create", "--url", "http://x/y"],
    ["volume", "create", "--image", uuid, "--metadata", "novalue"],
    ["volume", "list", "--timeout", "soon"],
    ["volume", "connect", uuid],
    ["volume", "connect", uuid, "--initiator", "iqn.2010-06.org:a"],
    ["volume", "disconnect", uuid],
    ["volume", "disconnect", uuid, "--wwpn", "500a09808001c2d3", "--all"],
    ["volume", "disconnect", uuid, "--host", "h", "--all"],
    ["cache", "evict"],
    ["cache", "evict", "--all"],
    ["cache", "evict", uuid, "--all", "--yes"],
  ])("refuses %p %p %p %p with 2, before anything is sent", async (...args) => {
    const { status, stderr, stdout } = await runIvc(args, nowhere);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^(error|ivc: USAGE): /);
  });

  it("tells with 4 that the broker is out of reach, without the password", async () => {
    const { status, stderr } = await runIvc(["cache", "list"], nowhere);
    expect(status).toBe(4);
    expect(stderr).toMatch(/^ivc: AMQP_CONNECT: .*127\.0\.0\.1:1/);
    expect(stderr).not.toContain("secret");
  });

  it("prints a failure as one JSON document too", async () => {
    const { stdout } = await runIvc(["--json", "cache", "list"], nowhere);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: "AMQP_CONNECT" },
    });
  });

  it("needs a URL or right settings, and names all that is wrong", async () => {
    const { status, stderr } = await runIvc(["volume", "list"], {
      IVC_PREFETCH: "many",
    });
    expect(status).toBe(78);
    expect(stderr).toContain("IVC_PREFETCH");
    expect(stderr).toContain("IVC_FILE_ROOT");
    expect(stderr).toContain("IVC_AMQP_URL");
  });

  it("tells its version and its help with 0", async () => {
    const version = await runIvc(["--version"]);
    expect(version.status).toBe(0);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = await runIvc(["cache", "evict", "--help"]);
    expect(help.status).toBe(0);
    expect(help.stdout).toContain("--all");
  });
});

describe("ivc config", () => {
  it("says yes to right settings, and shows them without secrets", async () => {
    const env = { ...nowhere, IVC_FILE_ROOT: "/srv/volumes" };
    const check = await runIvc(["config", "check"], env);
    expect(check.status).toBe(0);
    const show = await runIvc(["config", "show", "--redacted"], env);
    const { backends } = JSON.parse(show.stdout) as {
      backends: { root: string }[];
    };
    expect(backends[0]?.root).toBe("/srv/volumes");
    expect(show.stdout).not.toContain("secret");
  });

  it("shows a FlashArray without its token, and says what is wrong with one", async () => {
    const flash = {
      driver: "flasharray",
      san_ip: "array1.example.org",
      pure_api_token: "token-canary-7f3a",
      use_chap_auth: true,
      pure_chap_secret: "chap-canary-7f3a",
    };
    const env = (backend: object) => ({
      ...nowhere,
      IVC_FILE_ROOT: "/srv/volumes",
      NODE_CONFIG: JSON.stringify({ backends: { flash: backend } }),
    });
    const show = await runIvc(["config", "show"], env(flash));
    expect(JSON.parse(show.stdout)).toMatchObject({
      backends: [
        { driver: "file" },
        { driver: "flasharray", apiToken: "***", chapSecret: "***" },
      ],
    });
    expect(show.stdout).not.toContain("canary");
    const wrong = { ...flash, san_ip: "https://array1", storage_protcol: "FC" };
    const check = await runIvc(["config", "check"], env(wrong));
    expect(check.status).toBe(78);
    expect(check.stderr).toContain("backends.flash.san_ip need the host");
    expect(check.stderr).toContain("(did you mean storage_protocol?)");
    expect(check.stderr).not.toContain("canary");
  });

  it("names every problem at once, with 78", async () => {
    const { status, stderr } = await runIvc(["config", "check"], {
      IVC_HTTP_PORT: "99999",
      IVC_FRESHNESS: "sometimes",
      IVC_FILE_ROOT: "/srv/volumes",
    });
    expect(status).toBe(78);
    expect(stderr).toContain("IVC_HTTP_PORT");
    expect(stderr).toContain("IVC_FRESHNESS");
  });
});

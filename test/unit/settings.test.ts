import { chmod, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import {
  loadSettings,
  redactedSettings,
  type Settings,
  SettingsError,
} from "../../daemon/settings.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const configDir = fileURLToPath(new URL("../../config", import.meta.url));

function load(more: Readonly<Record<string, string>> = {}): Settings {
  return loadSettings({
    NODE_CONFIG_DIR: configDir,
    IVC_FILE_ROOT: "/srv/volumes",
    ...more,
  });
}

/** The problems of settings that should have some. */
function problemsOf(more: Readonly<Record<string, string>>): readonly string[] {
  try {
    load(more);
  } catch (error) {
    if (error instanceof SettingsError) {
      return error.problems;
    }
    throw error;
  }
  return [];
}

function nodeConfig(settings: object): { NODE_CONFIG: string } {
  return { NODE_CONFIG: JSON.stringify(settings) };
}

describe("settings", () => {
  it("are complete by their defaults but for the folder of the volumes", () => {
    const settings = load();
    expect(settings).toMatchObject({
      amqp: { prefetch: 16, password: null },
      jobs: { claimTtl: 30_000, sweepInterval: 10_000 },
      images: { maxVirtualSize: 2 * 1024 ** 4, stallTimeout: 60_000 },
      defaultBackend: "file",
      backends: [
        {
          name: "file",
          driver: "file",
          root: "/srv/volumes",
          cacheEnabled: true,
          limits: { maxSizeGb: 0, maxCount: 0 },
        },
      ],
      internalTenant: { isConfigured: false },
    });
    expect(settings.nodeName).not.toBe("");
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it("names the variable of the folder that is missing", () => {
    expect(() => loadSettings({ NODE_CONFIG_DIR: configDir })).toThrow(
      'config: backends.file.root is empty: name the folder for volumes (IVC_FILE_ROOT for the backend "file")',
    );
  });

  it.each([
    // 65: unknown keys
    [
      nodeConfig({ amqp: { prefech: 8 } }),
      /^amqp\.prefech is unknown \(did you mean prefetch\?\)$/,
    ],
    [nodeConfig({ jbos: {} }), /^jbos is unknown \(did you mean jobs\?\)$/],
    [nodeConfig({ somethingElse: 1 }), /^somethingElse is unknown: remove it$/],
    [
      nodeConfig({ backends: { file: { image_volume_cache_max_cont: 1 } } }),
      /^backends\.file\.image_volume_cache_max_cont is unknown \(did you mean image_volume_cache_max_count\?\)$/,
    ],
    // 66: numbers as strings
    ...["abc", " 8 ", "0x10", "1e3", "-1", "1.5", "0", "1001"].map(
      (word) =>
        [
          { IVC_PREFETCH: word },
          new RegExp(
            `^amqp\\.prefetch \\(IVC_PREFETCH\\) got "${word}", need a whole number from 1 to 1000$`,
          ),
        ] as const,
    ),
    [
      { IVC_PREFETCH: "" },
      /^IVC_PREFETCH is set but empty \(it sets amqp\.prefetch\): give it a value or unset it$/,
    ],
    [{ IVC_REDIS_URL: "" }, /^IVC_REDIS_URL is set but empty/],
    // 67: yes and no
    [
      { IVC_CACHE_ENABLED: "maybe" },
      /^cache\.image_volume_cache_enabled \(IVC_CACHE_ENABLED\) got "maybe", need true or false/,
    ],
    // 68: NODE_CONFIG
    ...["{bad", "[]", "null", "7", '"text"'].map(
      (text) =>
        [
          { NODE_CONFIG: text },
          /^NODE_CONFIG is not a JSON object: correct or unset it$/,
        ] as const,
    ),
    // 69: no folder
    [
      { NODE_CONFIG_DIR: "/nowhere/config" },
      /^nothing found in \/nowhere\/config: point NODE_CONFIG_DIR to the folder that has default\.json5$/,
    ],
    // 70: ranges, units and relations
    ...["10 gb", "10GIB", "10T", "-1GiB", "GiB", "65TiB"].map(
      (word) =>
        [
          nodeConfig({ images: { maxVirtualSize: word } }),
          new RegExp(
            `^images\\.maxVirtualSize got "${word}", need a size such as 64KiB, 10GiB from 1MiB to 64TiB$`,
          ),
        ] as const,
    ),
    ...["30", "30 s", "0s", "2h", "1x"].map(
      (word) =>
        [
          { IVC_CLAIM_TTL: word },
          new RegExp(
            `^jobs\\.claimTtl \\(IVC_CLAIM_TTL\\) got "${word}", need a time such as 500ms, 30s, 6h from 1s to 1h$`,
          ),
        ] as const,
    ),
    [
      { IVC_CLAIM_TTL: "2999ms", IVC_SWEEP_INTERVAL: "1s" },
      /^jobs\.claimTtl \(2999 ms\) must be at least 3 × jobs\.sweepInterval \(1000 ms\)$/,
    ],
    [{ IVC_MAX_FILLS: "0" }, /^jobs\.maxFills \(IVC_MAX_FILLS\) got "0"/],
    [
      { IVC_CACHE_MAX_SIZE_GB: "10GiB" },
      /^cache\.image_volume_cache_max_size_gb \(IVC_CACHE_MAX_SIZE_GB\) got "10GiB", need a whole number/,
    ],
    [
      { IVC_FILE_ROOT: "volumes" },
      /^backends\.file\.root \(IVC_FILE_ROOT\) need an absolute path$/,
    ],
    [
      nodeConfig({
        backends: { other: { driver: "file", root: "/srv/volumes" } },
      }),
      /^backends\.other\.root is the same folder as that of file: give each its own$/,
    ],
    [
      { IVC_AMQP_URL: "http://broker" },
      /^amqp\.url \(IVC_AMQP_URL\) need amqp:\/\/… or amqps:\/\/…$/,
    ],
    [
      { IVC_GLANCE_URL: "http://user:canary@glance" },
      /^images\.glanceUrl \(IVC_GLANCE_URL\) need http\(s\):\/\/host\[:port\] without a user or password$/,
    ],
  ] as const)("refuse %j", (more, problem) => {
    expect(problemsOf(more)).toContainEqual(expect.stringMatching(problem));
  });

  it("tell all problems at once", () => {
    expect(
      problemsOf({
        ...nodeConfig({ amqp: { prefech: 8 } }),
        IVC_HTTP_PORT: "99999",
        IVC_LOG_LEVEL: "loud",
        IVC_NODE_NAME: "a b",
      }),
    ).toEqual(
      expect.arrayContaining([
        expect.stringContaining("prefech"),
        expect.stringContaining("IVC_HTTP_PORT"),
        expect.stringContaining("IVC_LOG_LEVEL"),
        expect.stringContaining("IVC_NODE_NAME"),
      ]),
    );
  });

  it.each([
    ["yes", true],
    ["True", true],
    ["on", true],
    ["1", true],
    ["no", false],
    ["OFF", false],
    ["0", false],
  ])("take %s for %s", (word, meaning) => {
    const settings = load({ IVC_CACHE_ENABLED: word });
    expect(settings.backends[0]?.cacheEnabled).toBe(meaning);
  });

  it.each([
    ["1000ms", "100ms", 1000],
    ["3s", "1s", 3000],
    ["1h", "20m", 3_600_000],
  ])("take %s at a sweep of %s for a claim", (ttl, sweep, milliseconds) => {
    const env = { IVC_CLAIM_TTL: ttl, IVC_SWEEP_INTERVAL: sweep };
    expect(load(env).jobs.claimTtl).toBe(milliseconds);
  });

  it("of a backend go before those of all backends", () => {
    const settings = load({
      IVC_CACHE_MAX_COUNT: "7",
      ...nodeConfig({
        backends: {
          small: {
            driver: "file",
            root: "/srv/small",
            image_volume_cache_max_count: 1,
            image_volume_cache_enabled: false,
          },
        },
      }),
    });
    expect(settings.backends).toMatchObject([
      { name: "file", cacheEnabled: true, limits: { maxCount: 7 } },
      { name: "small", cacheEnabled: false, limits: { maxCount: 1 } },
    ]);
  });

  it("come from an operator's folder after ours, and say where from", async () => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, "local.json5");
    await writeFile(file, "{ amqp: { prefetch: 3 } } // ours\n");
    const dirs = { NODE_CONFIG_DIR: `${configDir}:${folder.path}` };
    const settings = load({ ...dirs, IVC_MAX_FILLS: "5" });
    expect(settings.amqp.prefetch).toBe(3);
    expect(settings.jobs.maxFills).toBe(5);
    expect(settings.sources).toContain(file);
    await writeFile(file, "{ amqp: ");
    expect(problemsOf(dirs)).toContainEqual(
      expect.stringMatching(/local\.json5/),
    );
  });

  it("need our own folder first", async () => {
    await using folder = await tempFolder();
    expect(problemsOf({ NODE_CONFIG_DIR: folder.path })).toContainEqual(
      expect.stringMatching(/^no default\.json5 in .*NODE_CONFIG_DIR/),
    );
  });
});

describe("variables", () => {
  it("that look like ours and are none are told, with what was meant", () => {
    expect(problemsOf({ IVC_FILEROOT: "/srv" })).toContainEqual(
      "IVC_FILEROOT sets nothing (did you mean IVC_FILE_ROOT?)",
    );
    expect(problemsOf({ IVC_TEST_REDIS_URL: "redis://h" })).toEqual([]);
  });
});

describe("secrets", () => {
  const canary = "canary-7f3a";

  it("are read from a file, without the newline at its end", async () => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, "password");
    await writeFile(file, `${canary}\n`, { mode: 0o600 });
    const settings = load(nodeConfig({ redis: { password: { file } } }));
    expect(settings.redis.password).toBe(canary);
  });

  it("are read from systemd's credentials", async () => {
    await using folder = await tempFolder();
    const given = path.join(folder.path, "given");
    await mkdir(given);
    await writeFile(path.join(given, "amqp"), `${canary}\r\n`);
    const settings = nodeConfig({ amqp: { password: { credential: "amqp" } } });
    const env = { ...settings, CREDENTIALS_DIRECTORY: given };
    expect(load(env).amqp.password).toBe(canary);
    expect(problemsOf(settings)).toEqual([
      expect.stringMatching(
        /^amqp\.password names the credential amqp, but CREDENTIALS_DIRECTORY is not set/,
      ),
    ]);
    const outside = nodeConfig({ amqp: { password: { credential: "../x" } } });
    expect(problemsOf({ ...outside, CREDENTIALS_DIRECTORY: given })).toEqual([
      expect.stringMatching(
        /^amqp\.password names a credential with other characters/,
      ),
    ]);
  });

  it.each([
    [
      "world-readable",
      canary,
      0o644,
      /can be read by every user: chmod 600 it$/,
    ],
    ["empty", "", 0o600, /password is empty$/],
    ["a newline alone", "\n", 0o600, /password is empty$/],
  ])("are refused when the file is %s", async (_what, text, mode, problem) => {
    await using folder = await tempFolder();
    const file = path.join(folder.path, "password");
    await writeFile(file, text);
    await chmod(file, mode);
    const problems = problemsOf(nodeConfig({ redis: { password: { file } } }));
    expect(problems).toEqual([expect.stringMatching(problem)]);
    expect(problems.join("\n")).not.toContain(canary);
  });

  it("that cannot be read are named with the reason", () => {
    const file = "/nowhere/password";
    expect(problemsOf(nodeConfig({ amqp: { password: { file } } }))).toEqual([
      "amqp.password /nowhere/password cannot be read (ENOENT)",
    ]);
  });

  it("are never shown", () => {
    const settings = load({
      IVC_AMQP_URL: `amqp://user:${canary}@one:5672,user:${canary}@two/vhost`,
      IVC_REDIS_URL: `redis://:${canary}@redis:6379/0`,
      ...nodeConfig({
        amqp: { password: canary },
        redis: { password: canary },
      }),
    });
    expect(settings.amqp.url).toContain(canary);
    const shown = JSON.stringify(redactedSettings(settings));
    expect(shown).not.toContain(canary);
    expect(shown).toContain("amqp://user:***@one:5672,user:***@two/vhost");
  });

  it("are not in the problems of settings that hold them", () => {
    const problems = problemsOf({
      IVC_AMQP_URL: `amqp:/user:${canary}@host/`,
      IVC_REDIS_URL: `http://:${canary}@redis`,
    });
    expect(problems).toHaveLength(2);
    const query = { IVC_AMQP_URL: `amqp://one/vhost?password=${canary}` };
    expect(problemsOf(query)).toHaveLength(1);
    const all = [...problems, ...problemsOf(query)].join("\n");
    expect(all).not.toContain(canary);
  });
});

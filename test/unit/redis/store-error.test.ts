import { describe, expect, it } from "@jest/globals";
import { BackendFullError } from "../../../daemon/errors.ts";
import { storeFailureOf } from "../../../daemon/redis/store-error.ts";

const again = true;

describe("storeFailureOf", () => {
  it.each([
    ["Connection is closed.", again],
    ["Command timed out", again],
    ["Stream isn't writeable and enableOfflineQueue options is false", again],
    [
      "Socket timeout. Expecting data, but didn't receive any in 15000ms.",
      again,
    ],
    ["connect ECONNREFUSED 127.0.0.1:6379", again],
    ["READONLY You can't write against a read only replica.", again],
    ["LOADING Redis is loading the dataset in memory", again],
    ["BUSY Redis is busy running a script.", again],
    ["CLUSTERDOWN The cluster is down", again],
    ["OOM command not allowed when used memory > 'maxmemory'.", !again],
    ["MISCONF Redis is configured to save RDB snapshots", !again],
    ["NOREPLICAS Not enough good replicas to write.", !again],
    ["NOAUTH Authentication required.", !again],
    ["WRONGPASS invalid username-password pair or user is disabled.", !again],
    ["NOPERM this user has no permissions to run 'evalsha'", !again],
  ])("takes %j for a store that is away", (message, isPassing) => {
    const failure = storeFailureOf(new Error(message));
    expect(failure.error).toMatchObject({
      name: "StoreUnavailableError",
      code: "REDIS_UNAVAILABLE",
      retry: "later",
    });
    expect(failure.again).toBe(isPassing);
  });

  it("knows a lost connection by its code too", () => {
    const error = Object.assign(new Error("read"), { code: "ECONNRESET" });
    expect(storeFailureOf(error).error.message).toContain("econnreset");
  });

  it("keeps what the command was out of sight", () => {
    const command = { name: "auth", args: ["ivc", "canary-secret"] };
    for (const message of [
      "ERR unknown command 'x', with args beginning with: 'canary-secret'",
      "WRONGPASS canary-secret",
      "canary-secret",
    ]) {
      const error = Object.assign(new Error(message), { command });
      const { error: ours } = storeFailureOf(error);
      expect(ours.message).not.toContain("canary");
      expect(ours.cause).toBeUndefined();
      expect(JSON.stringify(ours)).not.toContain("canary");
    }
  });

  it("takes an unknown refusal for a bug, with the line of the script", () => {
    const failure = storeFailureOf(
      new Error("ERR user_script:42: attempt to index a nil value"),
    );
    expect(failure.error).toMatchObject({ code: "REDIS_COMMAND" });
    expect(failure.error.message).toContain("user_script:42");
    expect(failure.again).toBe(false);
  });

  it("leaves errors of ours as they are", () => {
    const error = new BackendFullError("here");
    expect(storeFailureOf(error)).toEqual({ error, again: false });
  });
});

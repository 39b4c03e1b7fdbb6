import { describe, expect, it } from "@jest/globals";
import { RequestLog } from "../../../simulator/rest/request-log.ts";

function request(id: number) {
  return {
    at: 0,
    id: String(id),
    method: "GET",
    path: "volumes",
    version: "2.4",
    query: {},
    body: null,
  };
}

describe("The log of requests", () => {
  it("has a request before it is answered", () => {
    const log = new RequestLog();
    const open = log.add(request(1));
    expect(log.since()).toMatchObject([
      { status: "open", user: null, error: null },
    ]);
    open.setUser("pureuser");
    open.end(400, "No.");
    expect(log.since()).toMatchObject([
      { status: 400, user: "pureuser", error: "No." },
    ]);
  });

  it("forgets the oldest, and its marks still hold", () => {
    const log = new RequestLog();
    for (let id = 0; id < 100_000; id += 1) {
      log.add(request(id));
    }
    const mark = log.mark();
    expect(log.since()).toHaveLength(100_000);
    log.add(request(100_000));
    log.add(request(100_001));
    expect(log.since()).toHaveLength(100_000);
    expect(log.since()[0]?.id).toBe("2");
    expect(log.since(mark).map(({ id }) => id)).toEqual(["100000", "100001"]);
    expect(log.calls("GET", "volumes", mark + 1)).toHaveLength(1);
  });

  it("forgets the oldest when bodies are long, and never the newest", () => {
    const log = new RequestLog();
    const body = "x".repeat(1024 ** 2);
    for (let id = 0; id < 100; id += 1) {
      log.add({ ...request(id), body });
    }
    const kept = log.since();
    expect(kept).toHaveLength(63);
    expect(kept.at(-1)?.id).toBe("99");
    expect(log.mark()).toBe(100);
    log.add({ ...request(100), body: "x".repeat(65 * 1024 ** 2) });
    expect(log.since().map(({ id }) => id)).toEqual(["100"]);
  });

  it("masks secrets at any depth, whatever they are", () => {
    const log = new RequestLog();
    const chap = {
      host_user: "u",
      host_password: "a",
      target_password: "",
      target_user: null,
    };
    log.add({
      ...request(1),
      body: [{ chap }, { api_token: { value: "b" }, password: null }],
    });
    expect(log.since()[0]?.body).toEqual([
      {
        chap: {
          host_user: "u",
          host_password: "***",
          target_password: "***",
          target_user: null,
        },
      },
      { api_token: "***", password: null },
    ]);
  });
});

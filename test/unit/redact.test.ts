import { describe, expect, it } from "@jest/globals";
import { redact, redactText, redactUrl } from "../../daemon/redact.ts";

describe("redactUrl", () => {
  it.each([
    ["redis://h:6379/0", "redis://h:6379/0"],
    ["redis://:p@ss@h:6379/0", "redis://:***@h:6379/0"],
    ["redis://user:p/w@h", "redis://user:***@h"],
    ["amqp://u:p@h1,u2:p2@h2/v?x=secret", "amqp://u:***@h1,u2:***@h2/v"],
    ["http://h/path?signature=abc", "http://h/path"],
  ])("shows %s as %s", (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });
});

describe("redactText", () => {
  it.each([
    [
      "cannot reach amqp://u:p@h1,u2:p2@h2/v now",
      "cannot reach amqp://***@h2/v now",
    ],
    ["redis://user:p/w@h failed", "redis://***@h failed"],
    ["GET https://h/i.img?token=abc failed", "GET https://h/i.img?*** failed"],
    ["nothing to hide", "nothing to hide"],
  ])("logs %p as %p", (text, logged) => {
    expect(redactText(text)).toBe(logged);
  });

  it("cuts long texts", () => {
    expect(redactText("x".repeat(3000))).toHaveLength(2049);
  });
});

describe("redact", () => {
  it("masks by key, and takes of an error only what is known to be harmless", () => {
    const cause = Object.assign(new Error("ECONNREFUSED"), {
      code: "ECONNREFUSED",
    });
    const error = Object.assign(new Error("failed", { cause }), {
      command: { args: ["AUTH", "canary"] },
      options: { headers: { "x-auth-token": "canary" } },
    });
    const logged = JSON.stringify(
      redact({
        error,
        authToken: "canary",
        nested: { password: "canary" },
        hadToken: true,
      }),
    );
    expect(logged).not.toContain("canary");
    expect(logged).toContain("ECONNREFUSED");
    expect(logged).toContain('"hadToken":true');
  });
});

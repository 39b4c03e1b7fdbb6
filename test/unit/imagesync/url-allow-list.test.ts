import { describe, expect, it } from "@jest/globals";
import { UrlAllowList } from "../../../daemon/imagesync/web/url-allow-list.ts";

describe("UrlAllowList", () => {
  it.each([
    ["a.example", "http://a.example/x"],
    ["a.example", "https://A.example:443/x"],
    ["a.example:443", "https://a.example/x"],
    ["a.example:8080", "http://a.example:8080/x"],
    ["[fd12::1]:8080", "http://[fd12:0::1]:8080/x"],
    ["10.1.2.3", "http://10.1.515/x"],
    ["https://a.example", "https://a.example/x"],
    ["https://a.example:443/", "https://a.example/x"],
    ["https://a.example/pub", "https://a.example/pub"],
    ["https://a.example/pub/", "https://a.example/pub/x?y=%2f#z"],
    ["a.example/pub", "http://a.example/pub/x"],
  ])("%s allows %s", (entry, url) => {
    expect(new UrlAllowList([entry]).check(url).hash).toBe("");
  });

  it.each([
    ["a.example", "http://a.example:443/x"],
    ["a.example:443", "http://a.example/x"],
    ["a.example:80", "https://a.example/x"],
    ["a.example:8080", "http://a.example/x"],
    ["[fd12::1]", "http://[fd12::1]:8080/x"],
    ["https://a.example", "http://a.example/x"],
    ["https://a.example/pub/", "https://a.example/pub"],
    ["https://a.example/pub", "https://a.example/public"],
  ])("%s does not allow %s", (entry, url) => {
    expect(() => new UrlAllowList([entry]).check(url)).toThrow(
      "SOURCE_FORBIDDEN",
    );
  });

  it.each(["", "http://", "ftp://a.example", "user@a.example", "a b"])(
    "refuses to be made of %j",
    (entry) => {
      expect(() => new UrlAllowList([entry])).toThrow("CONFIG_INVALID");
    },
  );

  it("does not let a redirect give encryption up", () => {
    const list = new UrlAllowList(["a.example"]);
    const from = new URL("https://a.example/x");
    expect(list.checkRedirect(from, "y").href).toBe("https://a.example/y");
    expect(() => list.checkRedirect(from, "http://a.example/y")).toThrow(
      "SOURCE_REDIRECT",
    );
  });
});

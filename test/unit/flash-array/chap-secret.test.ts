import { describe, expect, it } from "@jest/globals";
import { chapPassword } from "../../../daemon/backends/flash-array/chap-secret.ts";

const iqn = "iqn.1993-08.org.debian:01:abc";

describe("chapPassword", () => {
  it("is of a length and of characters that arrays and initiators take", () => {
    expect(chapPassword("secret", iqn, "connector")).toMatch(
      /^[A-Za-z0-9_-]{24}$/,
    );
  });

  it("is the same in every daemon with the secret, whatever the case of the IQN", () => {
    // Of `openssl dgst -sha256 -hmac secret`: a change would lock out the hosts that are connected.
    expect(chapPassword("secret", iqn, "connector")).toBe(
      "G4kbpLVGMzWYvmYL20GalN7i",
    );
    expect(chapPassword("secret", iqn.toUpperCase(), "connector")).toBe(
      chapPassword("secret", iqn, "connector"),
    );
  });

  it("differs by initiator and by secret", () => {
    const password = chapPassword("secret", iqn, "connector");
    expect(chapPassword("secret", `${iqn}d`, "connector")).not.toBe(password);
    expect(chapPassword("secret2", iqn, "connector")).not.toBe(password);
  });

  it("of a writer is none that anybody is told who names its IQN", () => {
    const writer = chapPassword("secret", iqn, "writer");
    expect(writer).toMatch(/^[A-Za-z0-9_-]{24}$/);
    expect(writer).not.toBe(chapPassword("secret", iqn, "connector"));
  });
});

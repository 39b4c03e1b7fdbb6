import { describe, expect, it } from "@jest/globals";
import { chapPassword } from "../../../daemon/backends/flash-array/chap-secret.ts";

const iqn = "iqn.1993-08.org.debian:01:abc";

describe("chapPassword", () => {
  it("is of a length and of characters that arrays and initiators take", () => {
    expect(chapPassword("secret", iqn)).toMatch(/^[A-Za-z0-9_-]{24}$/);
  });

  it("is the same in every daemon with the secret, whatever the case of the IQN", () => {
    // Of `openssl dgst -sha256 -hmac secret`: a change would lock out the hosts that are connected.
    expect(chapPassword("secret", iqn)).toBe("G4kbpLVGMzWYvmYL20GalN7i");
    expect(chapPassword("secret", iqn.toUpperCase())).toBe(
      chapPassword("secret", iqn),
    );
  });

  it("differs by initiator and by secret", () => {
    const password = chapPassword("secret", iqn);
    expect(chapPassword("secret", `${iqn}d`)).not.toBe(password);
    expect(chapPassword("secret2", iqn)).not.toBe(password);
  });
});

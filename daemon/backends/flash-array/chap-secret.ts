import { createHmac } from "node:crypto";

// Arrays take 12 to 255 characters, some initiators no more than 32.
const passwordLength = 24;

/**
 * The CHAP password of an initiator. Derived, so that every daemon with the same secret tells the same one and none has to
 * keep it: an array never tells a password again.
 */
export function chapPassword(chapSecret: string, iqn: string): string {
  return createHmac("sha256", chapSecret)
    .update(iqn.toLowerCase())
    .digest("base64url")
    .slice(0, passwordLength);
}

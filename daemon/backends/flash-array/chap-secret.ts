import { createHmac } from "node:crypto";

// Arrays take 12 to 255 characters, some initiators no more than 32.
const passwordLength = 24;

/**
 * The CHAP password of an initiator. Derived, so that every daemon with the same secret tells the same one and none has to
 * keep it: an array never tells a password again. That of a connector is told to whoever names its IQN, so a writer's is
 * another one.
 */
export function chapPassword(
  chapSecret: string,
  iqn: string,
  role: "writer" | "connector",
): string {
  const name = iqn.toLowerCase();
  return (
    createHmac("sha256", chapSecret)
      // No IQN has a space.
      .update(role === "writer" ? `writer ${name}` : name)
      .digest("base64url")
      .slice(0, passwordLength)
  );
}

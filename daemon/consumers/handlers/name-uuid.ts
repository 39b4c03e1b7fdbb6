import { createHash } from "node:crypto";

/** Namespace of the ids made here: a random UUID, fixed for ever. */
const namespace = Buffer.from("6f0d6a2c9b1e4c7e8a5d3f2b1c0e9d8a", "hex");

/** UUID version 5 (RFC 9562) of a name: the same name always gives the same id. */
export function nameUuid(name: string): string {
  const hash = createHash("sha1").update(namespace).update(name).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString("hex", 0, 16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join("-");
}

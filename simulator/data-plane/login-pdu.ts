/** An iSCSI request as far as a login needs it (RFC 7143, section 11). */
export interface IscsiRequest {
  readonly opcode: number;
  readonly header: Buffer;
  /** The text of its data segment: `key=value` pairs. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Opcodes of what an initiator sends before and instead of SCSI commands. */
export const opcodes = { login: 0x03, text: 0x04, logout: 0x06 } as const;

/** Status class and detail of a login response (RFC 7143, 11.13.5). */
export const loginStatus = {
  success: 0x0000,
  movedTemporarily: 0x0101,
  forbidden: 0x0202,
  notFound: 0x0203,
  missingParameter: 0x0207,
  outOfResources: 0x0302,
} as const;

const headerBytes = 48;
// What an initiator may send before anything is negotiated.
const longestText = 8_192;

/** Takes the first whole request off `bytes`; null while more has to come. */
export function takeRequest(
  bytes: Buffer,
): { readonly request: IscsiRequest; readonly rest: Buffer } | null {
  if (bytes.length < headerBytes) {
    return null;
  }
  const textBytes = bytes.readUIntBE(5, 3);
  if (textBytes > longestText) {
    throw new Error(`a login of ${textBytes} bytes`);
  }
  const start = headerBytes + bytes.readUInt8(4) * 4;
  const end = start + padded(textBytes);
  if (bytes.length < end) {
    return null;
  }
  const text = bytes.toString("utf8", start, start + textBytes);
  const request = {
    opcode: bytes.readUInt8(0) & 0x3f,
    header: bytes.subarray(0, headerBytes),
    keys: new Map(
      text
        .split("\0")
        .filter((pair) => pair !== "")
        .map((pair): [string, string] => {
          const [key = "", ...value] = pair.split("=");
          return [key, value.join("=")];
        }),
    ),
  };
  return { request, rest: bytes.subarray(end) };
}

/** A reply's own bytes, beyond what every reply has. */
export interface ReplyParts {
  readonly statSn: number;
  readonly flags: number;
  /** Bytes 36 and 37. */
  readonly status?: number;
  /** Session handle, which ends a successful login. */
  readonly tsih?: number;
  readonly text?: readonly (readonly [string, string])[];
}

/** Answers a request: opcode 0x20 higher, with its task tag and the sequence numbers it expects. */
export function makeReply(request: IscsiRequest, parts: ReplyParts): Buffer {
  const { statSn, flags, status = 0, tsih = 0, text = [] } = parts;
  const body = Buffer.from(
    text.map(([key, value]) => `${key}=${value}\0`).join(""),
  );
  const reply = Buffer.alloc(headerBytes + padded(body.length));
  reply.writeUInt8(request.opcode | 0x20, 0);
  reply.writeUInt8(flags, 1);
  reply.writeUIntBE(body.length, 5, 3);
  if (request.opcode === opcodes.login) {
    request.header.copy(reply, 8, 8, 14);
    reply.writeUInt16BE(tsih, 14);
    reply.writeUInt16BE(status, 36);
  }
  request.header.copy(reply, 16, 16, 20);
  if (request.opcode === opcodes.text) {
    // No more text follows.
    reply.writeUInt32BE(0xffff_ffff, 20);
  }
  const commandSn = request.header.readUInt32BE(24);
  reply.writeUInt32BE(statSn, 24);
  reply.writeUInt32BE(commandSn, 28);
  reply.writeUInt32BE((commandSn + 1) >>> 0, 32);
  body.copy(reply, headerBytes);
  return reply;
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

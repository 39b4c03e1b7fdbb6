import type { ChannelModel, ConfirmChannel } from "amqplib";

/** One channel's life: everything done on it ends with `signal`. */
export interface AmqpSession {
  readonly channel: ConfirmChannel;
  /** 32 hex digits, the same for every channel of one connection. */
  readonly connectionId: string;
  /** Aborted when the channel is gone, whoever closed it. */
  readonly signal: AbortSignal;
  /** The user we are to the broker. */
  readonly username: string;
  /** Runs something that the broker may punish by closing the channel, on one that is thrown away. */
  readonly probe: <T>(
    use: (channel: ConfirmChannel) => Promise<T>,
  ) => Promise<T>;
}

/** Runs `use` on a channel of its own, which is closed afterwards. */
export async function withChannel<T>(
  connection: ChannelModel,
  use: (channel: ConfirmChannel) => Promise<T>,
): Promise<T> {
  const channel = await connection.createConfirmChannel();
  // Unheard, the broker's refusal would end the process; it also rejects the call in `use`.
  channel.on("error", () => {});
  try {
    return await use(channel);
  } finally {
    await channel.close().catch(() => {});
  }
}

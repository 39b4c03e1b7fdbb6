import { connect } from "amqplib";

/** Names of exchanges and topics on the broker. */
export interface BusNames {
  readonly exchange: string;
  readonly topic: string;
  readonly telemetryExchange: string;
  readonly telemetryTopic: string;
}

/** Those that ivcd has by default. */
export const defaultNames: BusNames = {
  exchange: "openstack",
  topic: "image-volume-cache",
  telemetryExchange: "cinder",
  telemetryTopic: "notifications",
};

/** Names of this run alone, for a broker that may carry real daemons. */
export function ownNames(): BusNames {
  const own = `ivc-demo-${process.pid}`;
  return {
    exchange: own,
    topic: `${own}-requests`,
    telemetryExchange: `${own}-events`,
    telemetryTopic: `${own}-notifications`,
  };
}

/** Removes what a daemon of these names left on a broker that goes on without it. */
export async function removeFromBroker(
  url: string,
  names: BusNames,
  backend: string,
  node: string,
): Promise<void> {
  const { exchange, topic, telemetryExchange, telemetryTopic } = names;
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    for (const queue of [
      ...["", `.${backend}`, `.${node}@${backend}`, ".dead", ".expired"].map(
        (end) => topic + end,
      ),
      ...["info", "error"].map((priority) => `${telemetryTopic}.${priority}`),
    ]) {
      await channel.deleteQueue(queue);
    }
    for (const name of [exchange, `${topic}.dead`, telemetryExchange]) {
      await channel.deleteExchange(name);
    }
  } finally {
    await connection.close();
  }
}

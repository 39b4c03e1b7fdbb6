import type { BackendRegistry } from "./backends/backend-registry.ts";
import { type AmqpEndpoint, parseAmqpUrl } from "./consumers/amqp-endpoint.ts";
import { ConfirmedPublisher } from "./consumers/confirmed-publisher.ts";
import { allHandlers } from "./consumers/handlers/all-handlers.ts";
import { OsloMessageSender } from "./consumers/message-sender.ts";
import { RpcServer } from "./consumers/rpc-server.ts";
import type { BackendServices } from "./flows/backend-services.ts";
import type { Logger } from "./logger.ts";
import type { RedisConnection } from "./redis/connection.ts";
import { RedisVolumeDirectory } from "./redis/redis-volume-directory.ts";
import type { Settings } from "./settings.ts";
import { canWrite } from "./wait-for-redis.ts";

/** How messages leave. */
export interface Messaging {
  readonly endpoints: readonly AmqpEndpoint[];
  readonly publisher: ConfirmedPublisher;
  readonly eventPublisher: ConfirmedPublisher;
  readonly sender: OsloMessageSender;
}

/** Opens the connection that replies and events leave by; it connects in the background. */
export function openMessaging(
  settings: Settings,
  logger: Logger,
  stack: AsyncDisposableStack,
): Messaging {
  const endpoints = parseAmqpUrl(settings.amqp.url, {
    password: settings.amqp.password,
    caFile: settings.amqp.caFile,
  });
  const open = (purpose: string): ConfirmedPublisher => {
    const publisher = stack.use(
      new ConfirmedPublisher({
        endpoints,
        name: `ivc-${purpose}:${settings.nodeName}`,
        logger,
        heartbeatS: settings.amqp.heartbeatS,
      }),
    );
    publisher.start();
    return publisher;
  };
  const publisher = open("pub");
  const eventPublisher = open("events");
  const sender = stack.use(
    new OsloMessageSender({
      publisher,
      eventPublisher,
      logger,
      flags: settings.amqp,
      notifications: settings.telemetry,
    }),
  );
  return { endpoints, publisher, eventPublisher, sender };
}

/** The server of the RPC methods; it consumes once it is started. */
export function composeServer(
  settings: Settings,
  { endpoints, publisher, sender }: Messaging,
  registry: BackendRegistry<BackendServices>,
  redis: RedisConnection,
  logger: Logger,
): RpcServer {
  return new RpcServer({
    endpoints,
    name: `ivc-sub:${settings.nodeName}`,
    logger,
    heartbeatS: settings.amqp.heartbeatS,
    topology: {
      exchange: settings.rpc.exchange,
      topic: settings.rpc.topic,
      node: settings.nodeName,
      backends: settings.backends.map((each) => each.name),
      flags: settings.amqp,
    },
    handlers: allHandlers({
      registry,
      directory: new RedisVolumeDirectory({ redis }),
    }),
    sender,
    publisher,
    storeReady: async () => await canWrite(redis),
    adminBrokerUsers: settings.rpc.adminBrokerUsers,
    prefetch: settings.amqp.prefetch,
  });
}

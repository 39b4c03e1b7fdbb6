import { once } from "node:events";
import { ivcEnvironment, type SetStage } from "./set-stage.ts";
import { imageIds } from "./stage.ts";

/** Shows how to go on by hand, and waits for Ctrl-C. */
export async function keepRunning({
  stage,
  around,
  daemon,
}: SetStage): Promise<void> {
  const exports = Object.entries(ivcEnvironment(around)).map(
    ([name, value]) => `export ${name}='${value}'`,
  );
  stage.say(`
Everything still runs. From a shell, in this folder:

${exports.join("\n")}
bin/ivc volume create --image ${imageIds.largeQcow2} --size 2
bin/ivc volume list
bin/ivc cache stats
bin/ivc events tail

From Python, with oslo.messaging:

${python(around.amqpUrl, around.names.exchange, around.names.topic)}
${stage.place.byHand([...stage.volumes.keys()][0] ?? "<id>")}Log of the daemon: ${daemon.logFile}
Metrics:           ${daemon.httpUrl}/metrics

Ctrl-C ends all of it.`);
  if (!stage.signal.aborted) {
    await once(stage.signal, "abort");
  }
}

function python(amqpUrl: string, exchange: string, topic: string): string {
  const url = `${amqpUrl.replace(/^amqp/, "rabbit")}${/\/\/[^/]*$/.test(amqpUrl) ? "/" : ""}`;
  return `/usr/bin/python3 - <<'EOF'
import oslo_messaging
from oslo_config import cfg

cfg.CONF([], project="demo", default_config_files=[])
transport = oslo_messaging.get_rpc_transport(cfg.CONF, url="${url}")
target = oslo_messaging.Target(exchange="${exchange}", topic="${topic}", version="1.0")
make = getattr(oslo_messaging, "get_rpc_client", oslo_messaging.RPCClient)
client = make(transport, target, timeout=600)
print(client.call({"project_id": "demo"}, "create_volume", image_id="${imageIds.largeQcow2}"))
EOF
`;
}

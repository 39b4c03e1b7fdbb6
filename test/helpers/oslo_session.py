#!/usr/bin/python3
"""A client of Debian's python3-oslo.messaging that stays: it starts in seconds and never ends cleanly in less than ten.

Reads one JSON document a line on stdin and answers each with one line on stdout, in the order in which they end:
  {"id", "kind": "call" | "cast" | "fanout", "method", "args", "context", "timeout", "call_monitor_timeout",
   "version", "namespace", "server"}  ->  {"id", "result", "heartbeats"} or {"id", "error": {...}, "heartbeats"}
  {"id", "kind": "events"}            ->  {"id", "result": [notifications that came since --listen began]}
Says READY on stdout first. Ends with its stdin.
"""
import argparse
import json
import logging
import os
import sys
import threading
import warnings

warnings.simplefilter("ignore")

from oslo_config import cfg  # noqa: E402
import oslo_messaging  # noqa: E402
from oslo_messaging._drivers import amqpdriver  # noqa: E402

write_lock = threading.Lock()
heartbeats = {}


def write(answer):
    with write_lock:
        print(json.dumps(answer), flush=True)


def count_heartbeats():
    """The driver tells nobody about heartbeats, so its queue of replies is watched: by message id, thus by thread."""
    waiters = amqpdriver.ReplyWaiters
    put, get = waiters.put, waiters.get

    def counting_put(self, msg_id, message_data):
        if isinstance(message_data, dict) and message_data.get("ending") is False:
            heartbeats[msg_id] = heartbeats.get(msg_id, 0) + 1
        return put(self, msg_id, message_data)

    def noting_get(self, msg_id, timeout):
        threading.current_thread().msg_id = msg_id
        return get(self, msg_id, timeout)

    waiters.put, waiters.get = counting_put, noting_get


def serve(transport, options, request):
    target = oslo_messaging.Target(
        exchange=options.exchange,
        topic=request.get("topic") or options.topic,
        server=request.get("server"),
        namespace=request.get("namespace"),
        version=request.get("version"),
        fanout=True if request["kind"] == "fanout" else None,
    )
    client = oslo_messaging.RPCClient(
        transport,
        target,
        timeout=request.get("timeout", 30),
        call_monitor_timeout=request.get("call_monitor_timeout"),
        serializer=oslo_messaging.NoOpSerializer(),
        retry=2,
    )
    send = client.call if request["kind"] == "call" else client.cast
    answer = {"id": request["id"]}
    try:
        answer["result"] = send(request.get("context") or {}, request["method"], **request.get("args", {}))
    except oslo_messaging.RemoteError as error:
        answer["error"] = {"kind": "remote", "class": error.exc_type, "message": error.value}
    except Exception as error:  # every way to fail is an answer to the test
        answer["error"] = {"kind": "local", "class": type(error).__name__, "message": str(error)}
    answer["heartbeats"] = heartbeats.get(getattr(threading.current_thread(), "msg_id", None), 0)
    write(answer)


class Notifications:
    """Takes every priority that has a method here."""

    def __init__(self):
        self.seen = []

    def _take(self, context, publisher_id, event_type, payload, metadata):
        self.seen.append(
            {"publisher_id": publisher_id, "event_type": event_type, "payload": payload, "metadata": metadata}
        )

    info = error = _take


def listen(conf, url, exchange):
    notifications = Notifications()
    listener = oslo_messaging.get_notification_listener(
        oslo_messaging.get_notification_transport(conf, url=url),
        [oslo_messaging.Target(exchange=exchange, topic="notifications")],
        [notifications],
        executor="threading",
    )
    listener.start()
    return notifications


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--exchange", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--listen", metavar="EXCHANGE")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    conf = cfg.CONF
    conf([], project="test", default_config_files=[])
    url = "rabbit" + options.url[len("amqp"):]
    count_heartbeats()
    transport = oslo_messaging.get_rpc_transport(conf, url=url)
    notifications = listen(conf, url, options.listen) if options.listen else None
    print("READY", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["kind"] == "events":
            write({"id": request["id"], "result": notifications.seen})
        else:
            threading.Thread(target=serve, args=(transport, options, request), daemon=True).start()
    os._exit(0)


if __name__ == "__main__":
    main()

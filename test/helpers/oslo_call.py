#!/usr/bin/python3
"""Calls or casts an RPC method with Debian's python3-oslo.messaging, as an OpenStack service does.

Prints one JSON document: {"result": ...} or {"error": {...}}; with --heartbeats also how many came.
"""
import argparse
import json
import logging
import os
import sys
import warnings

warnings.simplefilter("ignore")

from oslo_config import cfg  # noqa: E402
import oslo_messaging  # noqa: E402
from oslo_messaging._drivers import amqpdriver  # noqa: E402


class PlainContext(oslo_messaging.NoOpSerializer):
    """The context is a plain dict already."""


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["call", "cast", "fanout"])
    parser.add_argument("method")
    parser.add_argument("args", type=json.loads)
    parser.add_argument("--url", required=True)
    parser.add_argument("--exchange", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--server")
    parser.add_argument("--namespace")
    parser.add_argument("--version")
    parser.add_argument("--timeout", type=float, default=15)
    parser.add_argument("--call-monitor-timeout", type=int)
    parser.add_argument("--context", type=json.loads, default={})
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    return parser.parse_args()


def count_heartbeats():
    """The driver tells nobody about heartbeats, so its queue of replies is watched."""
    seen = {"heartbeats": 0}
    waiters = amqpdriver.ReplyWaiters
    put = waiters.put

    def counting_put(self, msg_id, message_data):
        if isinstance(message_data, dict) and message_data.get("ending") is False:
            seen["heartbeats"] += 1
        return put(self, msg_id, message_data)

    waiters.put = counting_put
    return seen


def main():
    args = arguments()
    logging.disable(logging.CRITICAL)
    conf = cfg.CONF
    conf([], project="test", default_config_files=[])
    url = "rabbit" + args.url[len("amqp"):]
    if args.option:
        url += "?" + "&".join(args.option)
    seen = count_heartbeats()
    transport = oslo_messaging.get_rpc_transport(conf, url=url)
    target = oslo_messaging.Target(
        exchange=args.exchange,
        topic=args.topic,
        server=args.server,
        namespace=args.namespace,
        version=args.version,
        fanout=True if args.kind == "fanout" else None,
    )
    client = oslo_messaging.RPCClient(
        transport,
        target,
        timeout=args.timeout,
        call_monitor_timeout=args.call_monitor_timeout,
        serializer=PlainContext(),
        retry=2,
    )
    answer = {}
    try:
        if args.kind == "call":
            answer["result"] = client.call(args.context, args.method, **args.args)
        else:
            client.cast(args.context, args.method, **args.args)
            answer["result"] = None
    except oslo_messaging.RemoteError as error:
        answer["error"] = {
            "kind": "remote",
            "class": error.exc_type,
            "message": error.value,
        }
    except Exception as error:  # every way to fail is an answer to the test
        answer["error"] = {
            "kind": "local",
            "class": type(error).__name__,
            "message": str(error),
        }
    answer["heartbeats"] = seen["heartbeats"]
    print(json.dumps(answer))
    sys.stdout.flush()
    # A clean end of the driver takes ten seconds for its heartbeat thread.
    os._exit(0)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Prints notifications as a listener of Debian's python3-oslo.messaging gets them, one JSON document a line.

Says READY on stderr once it consumes, and ends after --count notifications.
"""
import argparse
import json
import logging
import sys
import threading
import warnings

warnings.simplefilter("ignore")

from oslo_config import cfg  # noqa: E402
import oslo_messaging  # noqa: E402


class Printer:
    """Takes every priority that has a method here."""

    def __init__(self, count):
        self.left = count
        self.done = threading.Event()

    def _print(self, context, publisher_id, event_type, payload, metadata):
        print(
            json.dumps(
                {
                    "context": context,
                    "publisher_id": publisher_id,
                    "event_type": event_type,
                    "payload": payload,
                    "metadata": metadata,
                }
            ),
            flush=True,
        )
        self.left -= 1
        if self.left == 0:
            self.done.set()

    def info(self, *args):
        self._print(*args)

    def error(self, *args):
        self._print(*args)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--exchange", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    conf = cfg.CONF
    conf([], project="test", default_config_files=[])
    url = "rabbit" + args.url[len("amqp"):]
    transport = oslo_messaging.get_notification_transport(conf, url=url)
    printer = Printer(args.count)
    target = oslo_messaging.Target(exchange=args.exchange, topic=args.topic)
    listener = oslo_messaging.get_notification_listener(
        transport, [target], [printer], executor="threading"
    )
    listener.start()
    print("READY", file=sys.stderr, flush=True)
    in_time = printer.done.wait(args.seconds)
    listener.stop()
    listener.wait()
    return 0 if in_time else 1


if __name__ == "__main__":
    sys.exit(main())

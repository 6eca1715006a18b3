"""A simulated day without the MQTT broker, telegram by telegram: does memory stay, and what is published when the broker is back?

The daemon as systemd starts it, with MQTT and history. First a day with the broker, then it is killed, then another day; each as
fast as the history keeps it. Exit status 1 if the second day ended with more memory than the first, if a telegram was lost, or if
the broker, when it is back, is told anything on the live topic but the newest reading.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.footprint import DAY_S, GROWTH_MOST, Page, environment, flood, started, telegram
from tests.mqttkit import Subscriber, until
from tests.services import Mosquitto, free_port

#: After the broker listens again.
RIGHT_S = 5.0
LIVE, STATUS = "p1monitor/home/live", "p1monitor/status"


def measure(folder: Path, stack: ExitStack) -> list[str]:
    """All of it; what was wrong."""
    broker = Mosquitto(folder)
    broker.start()
    stack.callback(broker.stop)
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    port, page = listener.getsockname()[1], Page(free_port())
    (folder / "config.toml").write_text(
        f'[[meter]]\n[meter.source]\ntype = "tcp"\nhost = "127.0.0.1"\nport = {port}\n[history]\npath = "history.sqlite"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n[web]\nlisten = "127.0.0.1:{page.port}"\n'
    )
    daemon = started(stack, ["-m", "p1monitor", "run", "-c", str(folder / "config.toml")], environment(folder))
    cable = stack.enter_context(listener.accept()[0])
    begin = int(time.time()) - 2 * DAY_S
    (with_broker,) = flood(cable, page, daemon, begin, 1)
    broker.kill()
    (without,) = flood(cable, page, daemon, begin + DAY_S, 1)
    broker.start()
    with closing(Subscriber(broker)) as subscriber:
        began = time.monotonic()
        until(lambda: subscriber.last(STATUS) == "online")
        took = time.monotonic() - began
        cable.sendall(telegram(begin + 2 * DAY_S))
        until(lambda: subscriber.texts(LIVE) and json.loads(subscriber.texts(LIVE)[-1])["seq"] == 2 * DAY_S + 1)
        live = [json.loads(text)["seq"] for text in subscriber.texts(LIVE)]
    kept, lost = page.kept()
    print(f"  after a day with the broker {with_broker.resident:.1f} MiB, after one without {without.resident:.1f} MiB")
    print(f"  back: online after {took:.1f} s, live readings {live}; {kept} telegrams kept, {lost} lost")
    faults = {
        f"memory grew from {with_broker.resident:.1f} to {without.resident:.1f} MiB": without.resident
        > with_broker.resident * GROWTH_MOST,
        f"{lost} telegrams lost": lost,
        f"online after {took:.1f} s only": took > RIGHT_S,
        f"{len(live)} live readings when the broker was back": len(live) > 2,
    }
    return [words for words, true in faults.items() if true]


def main() -> int:
    """Run it."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        faults = measure(Path(name), stack)
    print("; ".join(faults) or "well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

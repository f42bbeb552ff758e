"""A crowd on one server: `python -m tests.benchmarks.crowd HOME [--sessions 50] [--clicks 8] [--think 20]`.

Starts `aftercare serve` on a free port of this machine and opens so many sessions on it as browsers do: a websocket
each, speaking Streamlit's own messages. Every session opens the overview, thinks, and clicks: another page, another
value of the slices, another period. One interaction lasts from the click to the end of the script's run, all it drew
received. Nothing is drawn here: what a browser takes to paint is its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from dashboard.i18n import translator
from tests.benchmarks.measuring import percentile, show

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "127.0.0.1"
FILTERED = ("overview", "response", "first_fix", "complaints", "satisfaction", "loyalty")
SLICES, PERIOD = ("Region", "Customer tier", "Tier", "Channel"), "Period"
SLOWEST_START = 60
FAILED = translator("en")("parts.failed", kind="\n").partition("\n")[0]


@dataclass
class Click:
    """One interaction."""

    what: str
    seconds: float
    drawn: int
    errors: list[str]


@dataclass
class Browser:
    """One session: what its page shows, and what was chosen on it."""

    socket: Any
    pages: dict[str, str] = field(default_factory=dict)
    page: str = ""
    choices: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)

    async def run(self, what: str, page: str = "") -> Click:
        """Have the script run, and wait until all of it has come."""
        asked = BackMsg()
        asked.rerun_script.query_string = "lang=en"
        asked.rerun_script.page_script_hash = page or self.page
        asked.rerun_script.widget_states.widgets.extend(self.states.values())
        begun = perf_counter()
        await self.socket.send(asked.SerializeToString())
        drawn, errors = 0, []
        while True:
            message = ForwardMsg.FromString(await self.socket.recv())
            kind = message.WhichOneof("type")
            if kind == "delta":
                drawn += 1
                errors += self._seen(message.delta.new_element)
            elif kind == "navigation":
                self.pages = {
                    one.url_pathname or "overview": one.page_script_hash for one in message.navigation.app_pages
                }
                self.page = message.navigation.page_script_hash
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue
                if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                    errors.append(ForwardMsg.ScriptFinishedStatus.Name(message.script_finished))
                return Click(what, perf_counter() - begun, drawn, errors)

    def _seen(self, element: Any) -> list[str]:
        kind = element.WhichOneof("type")
        if kind == "exception":
            return [f"{element.exception.type}: {element.exception.message}"]
        # An alert may also say how old the data are; only this one says that a page could not be drawn.
        if kind == "alert" and element.alert.body.startswith(FAILED):
            return [element.alert.body]
        if kind in ("multiselect", "selectbox"):
            shown = getattr(element, kind)
            self.choices[shown.label] = (shown.id, list(shown.options))
        return []

    async def click(self, chance: random.Random) -> Click:
        """Something that a reader does: mostly another page, else a slice or the period."""
        slices = [label for label in SLICES if label in self.choices]
        drawn = chance.random()
        if drawn < 0.6 or not slices:
            name = chance.choice(FILTERED)
            return await self.run("page", self.pages[name])
        state = BackMsg().rerun_script.widget_states.widgets.add()
        if drawn < 0.85 or PERIOD not in self.choices:
            state.id, options = self.choices[chance.choice(slices)]
            state.string_array_value.data.append(chance.choice(options))
            what = "slice"
        else:
            state.id, options = self.choices[PERIOD]
            state.string_value = chance.choice(options[:-1])
            what = "period"
        self.states[state.id] = state
        return await self.run(what)


async def visit(port: int, number: int, clicks: int, think: float, gate: asyncio.Barrier) -> list[Click]:
    """One reader's visit; stays connected until all have come, and again until all are done."""
    chance = random.Random(number)
    async with connect(
        f"ws://{ADDRESS}:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None, open_timeout=60
    ) as socket:
        browser = Browser(socket)
        await asyncio.sleep(chance.uniform(0, think))
        found = [await browser.run("open")]
        for _ in range(clicks):
            await asyncio.sleep(chance.uniform(0.5 * think, 1.5 * think))
            found.append(await browser.click(chance))
        await gate.wait()
        await gate.wait()
        return found


async def crowd(port: int, pid: int, sessions: int, clicks: int, think: float) -> tuple[list[Click], int]:
    """All interactions of so many sessions at once, and the server's memory while all are connected, in bytes."""
    gate = asyncio.Barrier(sessions + 1)
    visits = [asyncio.create_task(visit(port, number, clicks, think, gate)) for number in range(sessions)]
    waiting = asyncio.create_task(gate.wait())
    # None ends before the gate but by failing, and that would leave the others waiting for ever.
    await asyncio.wait([waiting, *visits], return_when=asyncio.FIRST_COMPLETED)
    for one in visits:
        if one.done():
            one.result()
    await waiting
    held = resident(pid)
    await gate.wait()
    return [click for found in await asyncio.gather(*visits) for click in found], held


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, int]]:
    """`aftercare serve` on a free port: the port, and the process's number."""
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dashboard.cli", "serve", "--home", str(home), "--port", str(port)]
    environment = {**os.environ, "AFTERCARE_LANG": "en"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            yield port, server.pid
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = perf_counter() + SLOWEST_START
    while perf_counter() < until and server.poll() is None:
        try:
            socket.create_connection((ADDRESS, port), timeout=1).close()
        except OSError:
            sleep(0.2)
        else:
            return
    raise SystemExit("the server did not start")


def measure(home: Path, sessions: int, clicks: int, think: float) -> list[dict[str, object]]:
    with serving(home) as (port, pid):
        # One reader first: what the process holds for everybody is no session's.
        _, alone = asyncio.run(crowd(port, pid, 1, clicks, min(think, 1)))
        found, together = asyncio.run(crowd(port, pid, sessions, clicks, think))
    each = (together - alone) / max(1, sessions - 1)
    kinds = ["all", *Counter(one.what for one in found)]
    lines = []
    for kind in kinds:
        some = [one for one in found if kind in ("all", one.what)]
        times = [one.seconds for one in some]
        lines.append(
            {
                "interaction": kind,
                "count": len(some),
                "p50_seconds": round(percentile(times, 0.5), 3),
                "p95_seconds": round(percentile(times, 0.95), 3),
                "worst_seconds": round(max(times), 3),
                "errors": sum(len(one.errors) for one in some),
                "least_drawn": min(one.drawn for one in some),
                **({"alone_mb": round(alone / 1e6), "mb_a_session": round(each / 1e6, 1)} if kind == "all" else {}),
            }
        )
    for error in sorted({error for one in found for error in one.errors}):
        print(error, file=sys.stderr)
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("home", type=Path)
    options.add_argument("--sessions", type=int, default=50)
    options.add_argument("--clicks", type=int, default=8)
    options.add_argument("--think", type=float, default=20)
    options.add_argument("--json", type=Path)
    told = options.parse_args()
    show(measure(told.home.resolve(), told.sessions, told.clicks, told.think), told.json)


if __name__ == "__main__":
    main()

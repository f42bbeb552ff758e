"""`aftercare serve`: the dashboard, for this computer only unless told otherwise."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
import sys
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from dashboard.commands import shared
from dashboard.commands.shared import LANG, Home, Lang, t

ADDRESS, PORT = "127.0.0.1", 8501
APP = Path(__file__).resolve().parents[1] / "server.py"

Port = Annotated[int, typer.Option(min=1, max=65535, help=t("cli.serve.port"))]


def serve(
    port: Port = PORT,
    address: Annotated[str, typer.Option(help=t("cli.serve.address"))] = ADDRESS,
    no_auth: Annotated[bool, typer.Option("--no-auth", help=t("cli.serve.no_auth"))] = False,
    home: Home = None,
    lang: Lang = None,
) -> None:
    settings = shared.reading(home)
    if not (is_loopback(address) or no_auth or has_login()):
        shared.fail(t("cli.errors.open_address", address=address), shared.USAGE)
    start(settings.home, address, port, must_log_in=not is_loopback(address) and not no_auth)


def start(home: Path, address: str, port: int, *, must_log_in: bool = False) -> None:
    """Become the dashboard: this process is replaced, so that a service manager stops the right one."""
    if importlib.util.find_spec("streamlit") is None:
        shared.fail(t("cli.errors.no_streamlit"))
    environment = {
        **os.environ,
        "AFTERCARE_HOME": str(home),
        "AFTERCARE_LANG": LANG,
        # Pages demand a login where this is 1 (dashboard/app.py).
        "AFTERCARE_LOGIN": str(int(must_log_in)),
    }
    busy = _why_busy(address, port)
    if busy:
        shared.fail(t("cli.errors.port_busy", address=address, port=port, reason=busy), shared.USAGE)
    typer.echo(t("cli.serve.starting", address=address, port=port))
    sys.stdout.flush()
    os.execve(sys.executable, command(address, port), environment)  # noqa: S606 - no shell, our own arguments


def _why_busy(address: str, port: int) -> str:
    """Why nobody could listen there; '' where one can. Found out now, since the server says it only after its URL."""
    try:
        family, kind, *_, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trial:
            # As the server itself does: a port left moments ago is free.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def command(address: str, port: int) -> list[str]:
    """The command line of the dashboard's server."""
    options = {
        "server.address": address,
        "server.port": port,
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags]


def is_loopback(address: str) -> bool:
    """Whether only this computer can reach the address. A name other than localhost may be anything."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def has_login() -> bool:
    """Whether a login provider is configured where the dashboard's server looks for it."""
    for folder in (Path.cwd(), Path.home()):
        file = folder / ".streamlit" / "secrets.toml"
        if file.is_file() and "auth" in tomllib.loads(file.read_text(encoding="utf-8")):
            return True
    return False

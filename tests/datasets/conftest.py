"""An empty folder and cache for every test, and a host on the loopback that plays the official one."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from onward.datasets import images, texts

CONNECT = socket.socket.connect


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ONWARD_DATA names."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("ONWARD_DATA", str(folder))
    images._decoded.cache_clear()
    texts._read.cache_clear()
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONWARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@dataclass
class Host:
    """Serves files by path; some are cut short, some come without a length, some never come.

    Attributes:
        url: address.
        files: what is served.
        broken: paths whose transfer ends half way, though the length was told.
        short: paths of which half is served without a length.
        silent: paths that are never answered.
        asked: every path that was asked for.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    short: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def host(_without_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    def connect(one: socket.socket, address: tuple[str, int]) -> None:
        assert address[0] == "127.0.0.1", f"a test tried to reach {address}"
        CONNECT(one, address)

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            made.asked.append(path)
            if path in made.silent:
                time.sleep(0.6)
                return
            if path not in made.files:
                self.send_error(404)
                return
            content = made.files[path]
            self.send_response(200)
            if path not in made.short:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if path in made.broken | made.short else content)

        def log_message(self, *args: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Host(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()

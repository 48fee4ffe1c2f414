"""The store, its owner, keys and endpoints: real stores, real owners, a real HTTP server."""

from __future__ import annotations

import fcntl
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from workbench import __version__
from workbench.doctor import Finding, examine
from workbench.doctor.keys import check_keys
from workbench.doctor.probing import probe
from workbench.doctor.servers import check_servers
from workbench.engines.vllm_server import leases
from workbench.models import save_model
from workbench.records import Model
from workbench.store import Store, location

PLANTED = "sk-PLANTED0123456789abcdef"


def seen(path: Path, store: Store | None = None, **options: bool) -> dict[str, Finding]:
    groups = ("store", "key", "endpoint", "software")
    return {finding.name: finding for finding in examine(path, store=store, groups=groups, **options).findings}


# -- the store -----------------------------------------------------------------------------------------


def test_no_store(tmp_path: Path) -> None:
    found = seen(tmp_path / "none.duckdb")
    assert found["store.file"].state == "ok" and "there is none yet" in found["store.file"].what
    assert not list(tmp_path.iterdir()), "looking made something"


def test_a_store_at_work(store: Store) -> None:
    found = seen(store.path, store)
    assert f"owned by process {store.status()['pid']}, workbench {__version__}" == found["store.owner"].what
    assert "are free" in found["store.pages"].what and found["store.pages"].state == "ok"
    assert found["store.snapshot"].fix.endswith("workbench snapshot COPY.duckdb")


def test_snapshots_are_told(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy.duckdb"
    copy.touch()
    record = store.files / "snapshot.json"
    record.write_text(json.dumps({"path": str(copy), "made_at": "2026-01-02T03:04:05+00:00"}), "utf-8")
    found = seen(store.path, store)["store.snapshot"]
    assert "last snapshot 2026-01-02" in found.what and found.state == "warning"
    copy.unlink()
    assert "not there any more" in seen(store.path, store)["store.snapshot"].what
    record.write_text("[]", "utf-8")
    assert seen(store.path, store)["store.snapshot"].state == "ok"


def test_not_a_store(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    path.write_text('{"this": "is JSON"}', "utf-8")
    assert seen(path)["store.file"].state == "problem"


def test_an_owner_of_another_version_is_left_alone(store: Store) -> None:
    file = location.owner_file(store.path)
    told = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**told, "version": "9.9.9"}), "utf-8")
    found = seen(store.path)
    assert found["store.owner"].state == "warning" and "9.9.9" in found["store.owner"].what
    assert store.status()["pid"] == told["pid"]


def test_an_owner_that_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    path.write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 100)
    location.owner_file(path).write_text(json.dumps({"pid": 4242, "host": socket.gethostname()}), "utf-8")
    with location.lock_file(path).open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        begin = time.monotonic()
        found = seen(path)["store.owner"]
    assert time.monotonic() - begin < 2
    assert found.state == "problem" and "kill 4242" in found.fix


def test_an_owner_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    path.write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 100)
    location.owner_file(path).write_text(json.dumps({"pid": 7, "host": "far-away", "version": "0.5"}), "utf-8")
    assert "in use on host far-away" in seen(path)["store.owner"].what


# -- keys and engines ----------------------------------------------------------------------------------


def api(name: str, url: str = "http://127.0.0.1:9/v1", **params: object) -> Model:
    return Model(name, "api", url, params)


@pytest.mark.parametrize(
    ("value", "state", "words"),
    [
        (PLANTED, "ok", "of usual length"), ("PLANTED", "ok", "short"), ("PLANTED" * 40, "ok", "long"),
        (None, "problem", "not set"), ("  ", "problem", "empty"), ("PLANTED\nPLANTED", "problem", "more than one line"),
        ('"PLANTED-key"', "warning", "quote"),
    ],
)  # fmt: skip
def test_keys(monkeypatch: pytest.MonkeyPatch, value: str | None, state: str, words: str) -> None:
    monkeypatch.delenv("DOCTOR_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("DOCTOR_KEY", value)
    models = [api("one", api_key_env="DOCTOR_KEY"), api("two", headers={"x-key": "Bearer ${DOCTOR_KEY}"}), api("no")]
    (found,) = check_keys(models)
    assert (found.state, words in found.what, "one, two" in found.what) == (state, True, True)
    assert "PLANTED" not in str(found)


def test_models_of_the_store_are_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCTOR_KEY", raising=False)
    save_model(store, api("gpt", api_key_env="DOCTOR_KEY"))
    found = seen(store.path, store)
    assert found["key.DOCTOR_KEY"].fix == "export DOCTOR_KEY=…"
    assert found["endpoint.asked"].fix == "workbench doctor --probe"


def test_a_store_that_is_not_open_yet_is_opened(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTOR_KEY", PLANTED)
    save_model(store, api("gpt", api_key_env="DOCTOR_KEY"))
    assert seen(store.path)["key.DOCTOR_KEY"].state == "ok"
    assert "key.DOCTOR_KEY" not in seen(store.path, open_it=False)


# -- endpoints -----------------------------------------------------------------------------------------


@dataclass
class Served:
    """What the server answers, and what it was sent."""

    url: str = ""
    status: int = 200
    body: bytes = b'{"data": [{"id": "llama"}, {"id": "models/gem"}]}'
    delay_s: float = 0.0
    headers: list[dict[str, str]] = field(default_factory=list)
    location: str = ""


@pytest.fixture
def served() -> Iterator[Served]:
    about = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            about.headers.append(dict(self.headers) | {"path": self.path})
            time.sleep(about.delay_s)
            self.send_response(about.status)
            if about.location:
                self.send_header("Location", about.location)
            self.send_header("Content-Length", str(len(about.body)))
            self.end_headers()
            self.wfile.write(about.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    about.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield about
    server.shutdown()
    server.server_close()


def test_an_endpoint_that_serves(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTOR_KEY", PLANTED)
    models = [
        api("mine", served.url, model="llama", api_key_env="DOCTOR_KEY"),
        api("gem", served.url, api_key_env="DOCTOR_KEY"),
    ]
    (found,) = probe(models)
    assert found.state == "ok" and "serves mine, gem" in found.what and " ms" in found.what
    assert len(served.headers) == 1, "one endpoint and key are asked once"
    assert served.headers[0]["path"] == "/v1/models" and served.headers[0]["Authorization"] == f"Bearer {PLANTED}"
    assert PLANTED not in str(found)


@pytest.mark.parametrize(
    ("status", "body", "state", "words"),
    [
        (200, b'{"data": [{"id": "other\\u001b[2J"}]}', "problem", "does not serve mine; it serves: other"),
        (401, b"no", "problem", "refuses the key of DOCTOR_KEY"),
        (404, b"no", "warning", "not with a list of models"),
        (500, b"no", "problem", "status 500"),
        (200, b"<html>", "warning", "not with a list"),
        (200, b"[" * 100_000, "warning", "not with a list"),
        (200, b'{"data": [{}, 5, null]}', "problem", "it serves: (nothing)"),
    ],
)
def test_endpoints_that_do_not(
    served: Served, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, state: str, words: str
) -> None:
    monkeypatch.setenv("DOCTOR_KEY", PLANTED)
    served.status, served.body = status, body
    (found,) = probe([api("mine", served.url, api_key_env="DOCTOR_KEY")])
    assert (found.state, words in found.what) == (state, True), found
    assert PLANTED not in str(found)


def test_a_redirect_does_not_take_the_key_along(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTOR_KEY", PLANTED)
    served.status, served.location = 302, f"{served.url}/elsewhere"
    (found,) = probe([api("mine", served.url, api_key_env="DOCTOR_KEY")])
    assert found.state == "warning" and len(served.headers) == 1


def test_endpoints_that_are_not_there(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCTOR_KEY", raising=False)
    served.delay_s = 1.0
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        models = [api("slow", served.url), api("gone", gone), api("locked", api_key_env="DOCTOR_KEY")]
        found = {f.what.partition(" ")[0]: f for f in probe(models, 0.3)}
    assert "does not answer within 0.3 s" in found[served.url].what
    assert "connection refused" in found[gone].what
    assert {f.state for f in found.values()} == {"problem", "unknown"}


# -- servers of ours -----------------------------------------------------------------------------------


def test_servers_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_RUNTIME_DIR", str(tmp_path))
    assert [f.what for f in check_servers()] == ["no vLLM server of the workbench runs"]
    folder = leases.folder_of("d" * 24)
    about = {"model": "llama\x1b[2J", "port": 8011, "supervisor": 77, "key": PLANTED, "token": "t"}
    (folder.path / "server.json").write_text(json.dumps(about), "utf-8")
    held = leases.lock(folder.alive)
    assert held is not None
    with held:
        (found,) = check_servers()
    assert found.state == "ok" and "port 8011" in found.what and "\x1b" not in found.what
    assert PLANTED not in str(found)
    assert check_servers()[0].what.startswith("no vLLM server")  # ended long ago: nothing of it is left

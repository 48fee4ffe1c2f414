"""Machine, disks, caches and terminal: real limits, folders and ports, and environments of the tests' own."""

from __future__ import annotations

import os
import resource
import socket
import time
from pathlib import Path

import pytest

from workbench.doctor import disks, machine
from workbench.doctor.deadlines import Hangs, run, within
from workbench.doctor.findings import Finding, bytes_text, concealed, ordered


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_this_machine() -> None:
    seen = by_name(machine.check_machine())
    assert {"machine.memory", "machine.cores", "machine.files", "machine.shm", "machine.ports"} <= seen.keys()
    assert "GiB" in seen["machine.memory"].what


def test_few_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        seen = by_name(machine.check_machine())["machine.files"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert seen.state == "warning" and "256 open files" in seen.what and seen.fix.startswith("ulimit -n ")


def test_a_taken_port_is_named() -> None:
    with socket.socket() as held:
        for port in machine.PORTS:
            try:
                held.bind(("127.0.0.1", port))
            except OSError:
                continue
            held.listen()
            break
        seen = by_name(machine.check_machine())["machine.ports"]
        assert seen.state == "ok" and str(port) in seen.what


def test_little_shared_memory() -> None:
    """Of a small file system, where there is one to mount nothing for: /sys and the like have no room at all."""
    assert machine._shared_memory(2, "/proc").state == "problem"
    assert machine._shared_memory(1, "/proc").state == "warning"
    assert machine._shared_memory(0, "/no/such").state == "unknown"


def test_proxies_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in machine.PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert "machine.proxies" not in by_name(machine.check_machine())
    monkeypatch.setenv("HTTPS_PROXY", "http://kim:PLANTEDpass@proxy.example:3128")
    seen = by_name(machine.check_machine())["machine.proxies"]
    assert seen.state == "warning" and "HTTPS_PROXY" in seen.what and "no_proxy" in seen.what
    assert "PLANTED" not in seen.what and "example" not in seen.what
    monkeypatch.setenv("no_proxy", "localhost")
    assert by_name(machine.check_machine())["machine.proxies"].state == "ok"


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({"LANG": "C.UTF-8"}, "ok"), ({"LC_ALL": "de_DE.utf8", "LANG": "C"}, "ok"), ({"LANG": "POSIX"}, "warning"),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "warning"), ({}, "warning"),
    ],
)  # fmt: skip
def test_encodings(environment: dict[str, str], state: str) -> None:
    assert by_name(machine.check_terminal(environment))["terminal.encoding"].state == state


# -- disks ---------------------------------------------------------------------------------------------


def test_rooms_are_told_once_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    seen = [f for f in disks.check_disks(tmp_path / "not" / "there" / "s.duckdb") if f.name == "disk.room"]
    mine = [f for f in seen if str(tmp_path) in f.what]
    assert len(mine) == 1 and all(word in mine[0].what for word in ("store", "models", "hub", "free at"))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    seen = by_name(disks.check_disks(tmp_path / "s.duckdb"))
    tmp_path.chmod(0o700)
    assert seen["disk.store"].state == "problem"


def test_caches_and_their_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_PLANTEDPLANTED")
    store = tmp_path / "s.duckdb"
    deep = tmp_path / "s.duckdb.files" / "embeddings" / "abc"
    deep.mkdir(parents=True)
    (deep / "vectors.f32").write_bytes(b"x" * 2048)
    (deep / "again").symlink_to(deep)
    seen = by_name(disks.check_caches(store))
    assert "2.0 KiB in 1 file " in seen["disk.embeddings"].what
    assert "none (" in seen["disk.models"].what and "none (" in seen["disk.hub"].what
    assert "HF_TOKEN" in seen["disk.hub_access"].what and "PLANTED" not in str(seen)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in by_name(disks.check_caches(store))["disk.hub_access"].what


def test_counting_stops_in_time(tmp_path: Path) -> None:
    for i in range(600):
        (tmp_path / f"{i}").touch()
    assert disks.folder_size(tmp_path, 10) == (0, 600, True)
    _, files, whole = disks.folder_size(tmp_path, 0)
    assert not whole and files < 600


def test_network_file_systems(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda1 / ext4 rw 0 0\nserver:/x /home/with\\040blank nfs4 rw 0 0\n", "utf-8")
    (seen,) = disks._remote(Path("/home/with blank/kim"), mounts)
    assert seen.state == "warning" and "nfs4 at /home/with blank" in seen.what
    assert not disks._remote(Path("/home/without"), mounts)


# -- the parts -----------------------------------------------------------------------------------------


def test_what_takes_too_long_is_left() -> None:
    begin = time.monotonic()
    with pytest.raises(Hangs):
        run(["/bin/sh", "-c", "sleep 20 & sleep 20"], 0.2)
    with pytest.raises(Hangs):
        within(0.1, "a test", lambda: time.sleep(1))
    with pytest.raises(Hangs):
        within(5, "a test", lambda: 1)  # the first still runs
    assert within(5, "another", lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        within(5, "a third", lambda: 1 / 0)
    assert time.monotonic() - begin < 2


def test_secrets_are_taken_out() -> None:
    environment = {"MY_API_KEY": "PLANTEDvalue", "HOME": "/home/kim"}
    said = concealed("--key PLANTEDvalue sk-abcdefghij http://kim:pw@host/x /home/kim", environment)
    assert said == "--key *** *** http://***host/x /home/kim"


def test_order_and_sizes() -> None:
    findings = [Finding("machine.a", "ok", ""), Finding("gpu.b", "ok", ""), Finding("key.c", "problem", "")]
    assert [f.name for f in ordered(findings)] == ["key.c", "gpu.b", "machine.a"]
    assert [bytes_text(n) for n in (0, 1023, 1536, 3 << 30, 200 << 40)] == [
        "0 B", "1023 B", "1.5 KiB", "3.0 GiB", "200 TiB",
    ]  # fmt: skip

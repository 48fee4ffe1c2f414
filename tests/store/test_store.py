"""The store through its real owner process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from workbench.errors import BadInput, QueryError, StoreElsewhere, StoreError, StoreTooNew
from workbench.records import Question, Response
from workbench.store import Store, location, open_store


def question(i: object, text: str = "Why?") -> dict[str, object]:
    return Question(str(i), "test", (text, "And then?"), meta={"n": [1, {"deep": None}]}).row()


def count(store: Store, table: str = "questions") -> int:
    return int(store.sql(f"SELECT count(*) FROM {table}").rows[0][0])


def test_insert_is_idempotent_within_and_between_batches(store: Store) -> None:
    assert store.insert("questions", [question(1), question(2), question(1)]) == 2
    assert store.insert("questions", [question(2), question(3)]) == 1
    assert count(store) == 3


def test_values_come_back_as_they_went(store: Store) -> None:
    nasty = "\x1b]52;c;aGk=\x07 'quote\" \\ \0 \U0001f600 \u202e"
    store.insert("questions", [question("x", nasty)])
    row = store.sql("SELECT turns, meta FROM questions").dicts()[0]
    assert row["turns"] == [nasty, "And then?"]
    assert json.loads(row["meta"]) == {"n": [1, {"deep": None}]}


def test_lone_surrogates_do_not_break_the_insert(store: Store) -> None:
    store.insert("questions", [question("x", "half \ud83d of a pair")])
    assert "half" in store.sql("SELECT turns[1] AS t FROM questions").rows[0][0]


def test_several_tables_go_in_one_transaction(store: Store) -> None:
    good, bad = question(1), {"response_id": "r", "question_id": None}
    with pytest.raises(StoreError):
        store.insert_many({"questions": [good], "responses": [bad]})
    assert count(store) == 0, "half of a failed transaction was kept"


def test_a_bad_request_does_not_fail_its_neighbours(store: Store) -> None:
    errors: list[Exception] = []

    def bad() -> None:
        for _ in range(20):
            try:
                store.insert("responses", [{"response_id": "r", "question_id": None}])
            except StoreError as error:
                errors.append(error)

    def good(base: int) -> None:
        for i in range(50):
            store.insert("questions", [question(base + i)])

    threads = [threading.Thread(target=bad)] + [threading.Thread(target=good, args=(k * 1000,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 20
    assert count(store) == 200


def test_counters_tell_what_changed(store: Store) -> None:
    before = store.counters()
    store.insert("questions", [question(1)])
    after = store.counters()
    assert {k for k in after if after[k] != before[k]} == {"questions"}


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM questions",
        "WITH gone AS (DELETE FROM questions RETURNING *) SELECT * FROM gone",
        "SELECT 1; DELETE FROM questions",
        "SELECT 1; COMMIT; DELETE FROM questions",
        "COMMIT",
        "COPY questions TO '/tmp/workbench-should-not-exist.csv'",
        "ATTACH '/tmp/workbench-should-not-exist.duckdb'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "EXPLAIN ANALYZE DELETE FROM questions",
        "CREATE TEMP TABLE t AS SELECT 1",
        "SELECT * FROM questions WHERE question_id = $id",
        "",
        "SELEC 1",
    ],
)
def test_ad_hoc_sql_only_reads(store: Store, text: str) -> None:
    store.insert("questions", [question(1)])
    with pytest.raises(QueryError):
        store.sql(text)
    assert count(store) == 1
    assert not list(Path("/tmp").glob("workbench-should-not-exist*"))


def test_ad_hoc_sql_says_when_rows_were_cut(store: Store) -> None:
    result = store.sql("SELECT * FROM range(100)", limit=10)
    assert len(result.rows) == 10 and result.truncated
    assert not store.sql("SELECT * FROM range(10)", limit=10).truncated


def test_wide_integers_keep_their_digits(store: Store) -> None:
    assert store.sql("SELECT 99999999999999999999::HUGEINT AS h, sum(1) AS s").rows == [[99999999999999999999, 1]]


def test_same_column_names_are_kept_apart(store: Store) -> None:
    assert store.sql("SELECT 1 AS a, 2 AS a, 3 AS b").dicts() == [{"a": 1, "a_2": 2, "b": 3}]


def test_a_long_read_is_stopped_and_others_go_on(store: Store) -> None:
    began = time.monotonic()
    with pytest.raises(QueryError, match="stopped after"):
        store.sql("SELECT count(*) FROM range(1000000000) a, range(100000) b", timeout_s=0.5)
    assert time.monotonic() - began < 10
    assert count(store) == 0


def test_a_read_of_a_client_that_hung_up_is_stopped(store: Store) -> None:
    """Otherwise one closed terminal would keep a core busy for the rest of the night."""
    script = (
        "import sys; from workbench.store import open_store\n"
        "open_store(sys.argv[1]).sql('SELECT count(*) FROM range(1000000000) a, range(100000) b', timeout_s=600)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(store.path)])
    time.sleep(1.5)
    child.kill()
    child.wait()
    pid = store.status()["pid"]
    time.sleep(1.0)
    assert cpu_seconds(pid, 0.7) < 0.35, "the owner still works for a client that is gone"


def cpu_seconds(pid: int, during_s: float) -> float:
    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(during_s)
    return used() - before


def test_large_reads_stream(store: Store) -> None:
    rows = [Response(f"q{i}", "m", ("text",), "h").row() for i in range(12_345)]
    assert store.insert("responses", rows) == 12_345
    seen = {row["job_id"] for row in store.stream("job_events", job_id="none")}
    assert seen == set()
    result = store.sql("SELECT response_id FROM responses", limit=20_000)
    assert len({row[0] for row in result.rows}) == 12_345


def test_owner_killed_loses_nothing_acknowledged(store: Store) -> None:
    store.insert("questions", [question(1)])
    os.kill(store.status()["pid"], signal.SIGKILL)
    assert count(store) == 1
    assert store.insert("questions", [question(1), question(2)]) == 1


def test_only_one_owner_is_elected(store_path: Path) -> None:
    """Eight first clients at once end up with the same owner."""
    script = "import sys; from workbench.store import open_store; print(open_store(sys.argv[1]).status()['pid'])"
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(store_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    assert len({child.communicate()[0].strip() for child in children}) == 1


def test_files_and_socket_are_private(store: Store) -> None:
    socket_path = location.socket_file(store.path)
    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_owner_leaves_when_idle(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_OWNER_IDLE", "0.5")
    with open_store(store_path) as opened:
        opened.insert("questions", [question(1)])
    deadline = time.monotonic() + 15
    while location.owner_file(store_path).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not location.owner_file(store_path).exists()
    assert not store_path.with_name(store_path.name + ".wal").exists(), "the log was not folded into the file"
    with duckdb.connect(str(store_path), read_only=True) as plain:
        assert plain.execute("SELECT count(*) FROM questions").fetchone() == (1,)
    with open_store(store_path) as again:
        assert count(again) == 1


def test_snapshot_opens_in_plain_duckdb_while_the_store_is_in_use(store: Store, tmp_path: Path) -> None:
    store.insert("questions", [question(i) for i in range(100)])
    out = tmp_path / "copy.duckdb"
    assert store.snapshot(out) == out.stat().st_size
    with duckdb.connect(str(out), read_only=True) as plain:
        assert plain.execute("SELECT count(*) FROM questions").fetchone() == (100,)
    with pytest.raises(BadInput, match="exists"):
        store.snapshot(out)
    store.insert("questions", [question("later")])
    store.snapshot(out, force=True)
    with pytest.raises(BadInput, match="no folder"):
        store.snapshot(tmp_path / "nowhere" / "copy.duckdb")


def test_a_snapshot_never_replaces_the_store_itself(store: Store, tmp_path: Path) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(store.path)
    for out in (store.path, link):
        with pytest.raises(BadInput, match="the store itself"):
            store.snapshot(out, force=True)


def test_times_with_a_zone_come_back_as_text(store: Store) -> None:
    row = store.sql("SELECT TIMESTAMPTZ '2020-01-02 03:04:05+00' AS t, 7 AS t, [now()] AS l; -- end").rows[0]
    assert row[:2] == ["2020-01-02 03:04:05+00", 7] and row[2].startswith("[")


def test_a_store_of_a_newer_version_is_refused(store_path: Path) -> None:
    with open_store(store_path) as opened:
        opened.stop_owner()
    wait_gone(store_path)
    with duckdb.connect(str(store_path)) as plain:
        plain.execute("INSERT INTO schema_migrations VALUES (999, 'future', now()::TIMESTAMP, '9.9.9')")
    with pytest.raises(StoreTooNew, match=r"9\.9\.9"):
        open_store(store_path)


def test_a_store_in_use_on_another_host_is_refused(store_path: Path) -> None:
    told = {"pid": 1, "host": "elsewhere.example", "version": "0.1.0"}
    location.owner_file(store_path).write_text(json.dumps(told))
    with pytest.raises(StoreElsewhere, match=r"elsewhere\.example"):
        open_store(store_path)
    old = time.time() - 3600
    os.utime(location.owner_file(store_path), (old, old))
    with open_store(store_path) as opened:
        assert count(opened) == 0


def test_what_is_not_a_store_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("these are notes\n" * 500)
    with pytest.raises(StoreError, match="not a DuckDB file"):
        open_store(text)
    questions = tmp_path / "question.jsonl"  # DuckDB alone would open it, as a view in memory
    questions.write_text('{"question_id": 1, "turns": ["Hi"]}\n')
    with pytest.raises(StoreError, match="not a DuckDB file"):
        open_store(questions)
    with pytest.raises(BadInput, match="directory"):
        open_store(tmp_path)
    with pytest.raises(BadInput, match="no store"):
        open_store(tmp_path / "none.duckdb", create=False)
    assert not (tmp_path / "none.duckdb").exists()


def test_a_file_opened_by_another_program_is_named(store_path: Path) -> None:
    with open_store(store_path) as opened:
        opened.stop_owner()
    wait_gone(store_path)
    script = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", script, str(store_path)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    try:
        with pytest.raises(StoreError, match="opened by another program"):
            open_store(store_path)
    finally:
        other.kill()
        other.wait()


def wait_gone(path: Path) -> None:
    deadline = time.monotonic() + 15
    while location.owner_file(path).exists() and time.monotonic() < deadline:
        time.sleep(0.05)

"""The store: one DuckDB file, one owner process, and this client.

Nothing else imports ``duckdb`` or speaks the socket. The rest of the program calls::

    with open_store(path) as store:            # starts the owner if none runs
        store.insert("questions", rows)        # idempotent by primary key; returns how many were new
        store.query("responses_missing", model="m")   # queries/read/responses_missing.sql, $model bound
        store.write("job_progress", job_id=…)  # queries/write/job_progress.sql
        store.sql("SELECT …")                  # ad hoc, sandboxed, read-only
"""

from __future__ import annotations

from workbench.store.client import SqlResult, Store, open_store
from workbench.store.location import default_store_path, store_path

__all__ = ["SqlResult", "Store", "default_store_path", "open_store", "store_path"]

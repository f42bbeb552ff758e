"""Superset's chart data on the same facts: `python -m tests.benchmarks.superset URL SNAPSHOT [--repeat N]`.

Needs a running Superset of your own (tests/benchmarks/README.md says how), as user and password `bench`. Registers
the snapshot's file as a database there and core.fct_tickets as a dataset, and asks /api/v1/chart/data, its cache
forced aside, for as many charts as the page of response times draws, over the same twelve months and one channel.
"""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median
from time import time
from typing import Any

import duckdb

from tests.benchmarks.measuring import seconds, show

BY_MONTH, BY_CHANNEL = ["created_date"], ["channel"]
CHARTS: tuple[tuple[str, list[str], str], ...] = (
    ("tickets", [], "count(*)"),
    ("median", [], "median(response_business_seconds)"),
    ("p90", [], "quantile_cont(response_business_seconds, 0.9)"),
    ("median by month", BY_MONTH, "median(response_business_seconds)"),
    ("p90 by month", BY_MONTH, "quantile_cont(response_business_seconds, 0.9)"),
    ("tickets by month", BY_MONTH, "count(*)"),
    ("median by channel", BY_CHANNEL, "median(response_business_seconds)"),
)


class Superset:
    """The few calls of its interface that this takes."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.token = ""
        told = {"username": "bench", "password": "bench", "provider": "db"}
        self.token = str(self.post("security/login", told)["access_token"])

    def post(self, path: str, body: object) -> Any:
        return self.call("POST", path, body)

    def call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(  # noqa: S310 - the address is the user's own
            f"{self.url}/api/v1/{path}", None if body is None else json.dumps(body).encode(), headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{path}: {error.code} {error.read().decode()[:500]}") from error

    def dataset(self, snapshot: Path) -> int:
        uri = f"duckdb:///{snapshot}?access_mode=read_only"
        name = f"{snapshot.stem} {time()}"
        database = self.post("database/", {"database_name": name, "sqlalchemy_uri": uri, "expose_in_sqllab": True})
        # Kept in SQLite, its own records allow one dataset of a name, whichever database it is in.
        for former in self.call("GET", "dataset/")["ids"]:
            self.call("DELETE", f"dataset/{former}")
        told = {"database": database["id"], "schema": "core", "table_name": "fct_tickets"}
        return int(self.post("dataset/", told)["id"])

    def chart(self, dataset: int, first: str, last: str, channel: str, by: list[str], sql: str) -> Any:
        monthly = {"time_grain_sqla": "P1M"} if by == BY_MONTH else {}
        column = (
            {"timeGrain": "P1M", "columnType": "BASE_AXIS", "sqlExpression": by[0], "label": by[0]} if by else None
        )
        asked = {
            "columns": [column] if monthly and column else by,
            "metrics": [{"expressionType": "SQL", "sqlExpression": sql, "label": "value"}],
            "filters": [
                {"col": "created_date", "op": "TEMPORAL_RANGE", "val": f"{first} : {last}"},
                {"col": "channel", "op": "IN", "val": [channel]},
            ],
            "extras": monthly,
            "row_limit": 10_000,
        }
        source = {"id": dataset, "type": "table"}
        found = self.post(
            "chart/data",
            {"datasource": source, "force": True, "queries": [asked], "result_format": "json", "result_type": "full"},
        )["result"][0]
        if found.get("error") or not found["data"]:
            raise SystemExit(f"no answer: {found.get('error')}")
        return found["data"]


def measure(url: str, snapshot: Path, repeat: int) -> list[dict[str, object]]:
    with duckdb.connect(str(snapshot), read_only=True) as con:
        sql = "select count(*), max(created_date) - 364, max(created_date) + 1, mode(channel) from core.fct_tickets"
        tickets, first, last, channel = con.execute(sql).fetchall()[0]
    superset = Superset(url)
    dataset = superset.dataset(snapshot)

    def page() -> None:
        for _, by, metric in CHARTS:
            superset.chart(dataset, str(first), str(last), channel, by, metric)

    page()
    taken = [seconds(page) for _ in range(repeat)]
    return [{"tickets": tickets, "charts": len(CHARTS), "seconds": round(median(taken), 3)}]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("snapshot", type=Path)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--json", type=Path)
    told = options.parse_args()
    show(measure(told.url, told.snapshot.resolve(), told.repeat), told.json)


if __name__ == "__main__":
    main()

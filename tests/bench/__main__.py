"""python -m tests.bench [--quick] [--strict] [--only PART ...]; BENCH_ROWS lowers the largest queue (5,000,000)."""

from __future__ import annotations

import argparse
import os
import sys

from tests.bench import claims, idle, looking, metrics, punctuality, throughput
from tests.bench.harness import Bench, Row, machine, say, server, table

PARTS = {
    "idle": idle.run,
    "claim": claims.run,
    "throughput": throughput.run,
    "punctuality": punctuality.run,
    "metrics": metrics.run,
    "looking": looking.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the budgets.")
    parser.add_argument("--quick", action="store_true", help="small sizes, about two minutes")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a budget is not met")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; repeat for several")
    arguments = parser.parse_args()
    rows = int(os.environ.get("BENCH_ROWS") or (200_000 if arguments.quick else 5_000_000))
    found: list[Row] = []
    with server() as (home, url):
        bench = Bench(home=home, server_url=url, quick=arguments.quick, rows=rows)
        for name, run in PARTS.items():
            if name in (arguments.only or PARTS):
                for row in run(bench):
                    found.append(row)
                    say(f"{row.what.strip()}: {row.measured}, {row.ratio}")
        where = machine(url)
    print(f"\n{table(found)}\n\n{where}")
    return 1 if arguments.strict and any(row.good is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())

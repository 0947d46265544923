"""The floor of readings: the requests of a run in a bare loop, and one COPY of the rows they bring.

python bare_reading.py WORK.json    {"url", "headers", "batches": [["1900", ...], ...]}: posts of X, by their ids
                                    {"url", "headers", "handle"}: a profile of TikTok at ScrapeCreators, page by page
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

work = json.loads(Path(sys.argv[1]).read_text())
client = httpx.Client(headers=work["headers"])
NOW = datetime.now(UTC)


def posts() -> Iterator[tuple[Any, ...]]:
    for ids in work["batches"]:
        query = {"ids": ",".join(ids), "tweet.fields": "public_metrics"}
        for post in client.get(work["url"], params=query).raise_for_status().json()["data"]:
            counts = post["public_metrics"]
            yield (
                int(post["id"]),
                1,
                NOW,
                NOW,
                counts["impression_count"],
                counts["like_count"],
                counts["reply_count"],
                counts["retweet_count"] + counts["quote_count"],
                counts["bookmark_count"],
                json.dumps(counts),
            )


def profile() -> Iterator[dict[str, Any]]:
    query = {"handle": work["handle"]}
    while True:
        page = client.get(work["url"], params=query).raise_for_status().json()
        yield from page["aweme_list"]
        if "max_cursor" not in page:
            return
        query["max_cursor"] = page["max_cursor"]


def copy(table: str, rows: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as target:
        for row in rows:
            target.write_row(row)


with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    if "batches" in work:
        copy("bare_post_metrics", list(posts()))
    else:
        items = list(enumerate(profile()))
        counts = [
            [item["statistics"][f"{name}_count"] for name in ("play", "digg", "share", "comment", "collect")]
            for _, item in items
        ]
        copy(
            "bare_profile_posts",
            [
                (
                    number,
                    1,
                    item["aweme_id"],
                    item["url"],
                    item["desc"],
                    datetime.fromtimestamp(item["create_time"], UTC),
                    item["video"]["origin_cover"]["url_list"][0],
                    item["video"]["cover"]["url_list"][0],
                    *counts[number],
                    NOW,
                    NOW,
                )
                for number, item in items
            ],
        )
        copy("bare_profile_post_metrics", [(number, 1, 1, NOW, *counts[number]) for number, _ in items])

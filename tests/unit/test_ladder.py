from __future__ import annotations

import pytest

from socialcron.batches.ladder import DEFAULT, parse_ladder
from socialcron.errors import ConfigError
from socialcron.settings import Settings

HOUR, DAY = 3600, 86_400


def test_parse_ladder__the_default_reads_often_at_first_and_stops_after_30_days() -> None:
    ladder = parse_ladder(DEFAULT)
    assert Settings().metrics_ladder == DEFAULT
    assert ladder.ends_after == 30 * DAY
    hours = [slot / HOUR for slot in ladder.slots]
    assert hours[:24] == list(range(1, 25))
    assert hours[24:32] == [30, 36, 42, 48, 54, 60, 66, 72]
    assert hours[32:40] == [84, 96, 108, 120, 132, 144, 156, 168]
    assert hours[40:47] == [192, 216, 240, 264, 288, 312, 336]
    assert [slot / DAY for slot in ladder.slots[47:]] == [17, 20, 23, 26, 29]


def test_parse_ladder__takes_minutes_and_spaces() -> None:
    assert parse_ladder(" 30m:10m , 1h:30m").slots == (600, 1200, 1800, 3600)


@pytest.mark.parametrize(
    "text", ["", "24h", "24h:0h", "1h:30m,30m:10m", "1h:1h,1h:10m", "x:y", "9999d:1m", "1h:2h", "-1h:1m"]
)
def test_parse_ladder__says_which_rung_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError, match="SOCIALCRON_METRICS_LADDER") as caught:
        parse_ladder(text)
    assert DEFAULT in str(caught.value.hint)

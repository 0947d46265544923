from __future__ import annotations

from typing import Any

import pytest

from socialcron.content import Content, steps_for
from socialcron.errors import BadInput
from socialcron.model import Poll


def test_steps_for__a_post_its_thread_and_its_first_comment_in_order() -> None:
    content = Content(
        text="one",
        media=["a.png", {"source": "https://example.com/b.png", "alt": "B"}],
        link="https://example.com",
        thread=["two", {"text": "three", "media": ["c.png"]}],
        first_comment="by the way",
    )
    steps = steps_for(content, "mastodon")
    assert [(step.number, step.kind, step.text) for step in steps] == [
        (0, "post", "one"),
        (1, "reply", "two"),
        (2, "reply", "three"),
        (3, "comment", "by the way"),
    ]
    assert [(item.source, item.alt) for item in steps[0].media] == [
        ("a.png", None),
        ("https://example.com/b.png", "B"),
    ]
    assert steps[0].link == "https://example.com"
    assert [item.source for item in steps[2].media] == ["c.png"]


def test_steps_for__a_variant_replaces_what_differs_on_its_platform_only() -> None:
    content = Content(
        text="long", thread=["more"], variants={"x": {"text": "short", "thread": [], "options": {"a": 1}}}
    )
    (short,) = steps_for(content, "x")
    assert (short.text, dict(short.options)) == ("short", {"a": 1})
    assert [step.text for step in steps_for(content, "mastodon")] == ["long", "more"]


def test_steps_for__a_poll_alone_is_content() -> None:
    (step,) = steps_for(Content(poll={"options": ["a", "b"], "multiple": True}), "mastodon")
    assert step.poll == Poll(options=("a", "b"), duration_seconds=86_400, multiple=True)


def test_steps_for__an_option_that_is_null_is_a_choice_nobody_made() -> None:
    """It would beat an account's visibility=CONNECTIONS, and post to everybody."""
    content = Content(text="one", variants={"x": {"options": {"visibility": None, "sensitive": False}}})
    assert steps_for(content, "x")[0].options == {"sensitive": False}


UNREADABLE: list[tuple[dict[str, Any], str]] = [
    ({}, "text"),
    ({"text": 5}, "text"),
    ({"text": "a", "media": "a.png"}, "media"),
    ({"text": "a", "media": [{"alt": "no source"}]}, "media[1]"),
    ({"text": "a", "media": [{"source": "a.png", "alt": 5}]}, "media[1].alt"),
    ({"text": "a", "thread": {"text": "b"}}, "thread"),
    ({"text": "a", "thread": [5]}, "thread[1]"),
    ({"text": "a", "thread": ["b", ""]}, "thread[2]"),
    ({"text": "a", "poll": []}, "poll"),
    ({"text": "a", "poll": {"options": ["only one"]}}, "poll"),
    ({"text": "a", "poll": {"options": ["a", "b"], "duration_seconds": "long"}}, "poll"),
    ({"text": "a", "variants": [1]}, "variants"),
    ({"text": "a", "variants": {"x": "short"}}, "variants.x"),
    ({"text": "a", "variants": {"x": {"colour": "red"}}}, "variants.x"),
    ({"text": "a", "variants": {"x": {"options": [1]}}}, "variants.x.options"),
]


@pytest.mark.parametrize(("fields", "named"), UNREADABLE, ids=str)
def test_steps_for__what_cannot_be_read_is_named(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput) as refused:
        steps_for(Content(**fields), "x")
    assert refused.value.message.startswith(named)

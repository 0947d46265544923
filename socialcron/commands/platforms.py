"""`socialcron platforms list | show NAME`: what each platform can do, and its limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from socialcron.batches.apps import app_variables
from socialcron.batches.connecting import known_settings
from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, group_app
from socialcron.commands.display import fields, show, table
from socialcron.platforms import registry
from socialcron.platforms.base import Declaration, MediaRule, Metrics

app = group_app("Show what each platform can do and its limits.", "socialcron platforms show mastodon")

COUNTS = ("views", "likes", "comments", "shares", "saves")
MEANS = {
    "client_id": "by an id we choose before sending",
    "key": "by an idempotency key, else by looking at the account's own posts",
    "handle": "by asking about what was prepared",
    "listing": "by looking at the account's own posts",
    "none": "not at all: a person looks, and says so with `socialcron posts resolve`",
}


@app.command("list", epilog=example("socialcron platforms list"))
def list_command(json: JsonOption = False, env_file: EnvFileOption = None) -> None:
    """List the platforms and what a post may hold on each."""
    with command_context("platforms list", json=json, env_file=env_file) as ctx:
        found = [registry.declaration(name) for name in registry.names()]
        ctx.emit(
            {"platforms": [described(declaration) for declaration in found]},
            text=lambda console: show(
                console,
                table(
                    "",
                    ("name", "title", "a post may hold"),
                    [(d.name, d.title, ", ".join(["text", *sorted(d.features)])) for d in found],
                ),
            ),
        )


@app.command("show", epilog=example("socialcron platforms show mastodon --json"))
def show_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of `socialcron platforms list`.")],
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Show one platform: limits with their source, credentials and settings it takes, how a lost answer is settled."""
    with command_context("platforms show", json=json, env_file=env_file) as ctx:
        found = registry.declaration(name)
        about = [
            ("name", found.name),
            ("documentation", found.documentation),
            ("server", found.default_base_url or "the account's own: --set base_url=URL")
            if "base_url" in found.settings
            else ("server", found.default_base_url),
            ("a post may hold", ", ".join(["text", *sorted(found.features)])),
            ("readings of a post", _readings(found.metrics)),
            ("a lost answer is settled", MEANS[found.reconcile]),
            ("connected by", _consent(found)),
            ("honest limits", found.honest_limits),
        ]
        sources = list(dict.fromkeys([*(x.source for x in found.limits), *(x.source for x in found.media)]))
        limits = [
            (x.name, f"{x.value:,.10g}", x.unit, f"[{sources.index(x.source) + 1}]", x.date)
            for x in found.limits
        ]
        media = [
            (
                rule.kind,
                rule.use,
                ", ".join(sorted(kind.partition("/")[2] for kind in rule.mime_types)),
                ", ".join([*_bounds(rule), *(["fetched by URL"] if rule.by_url else [])]),
                f"[{sources.index(rule.source) + 1}]",
                rule.date,
            )
            for rule in found.media
        ]
        forms = [
            (form.name, ", ".join(form.required), ", ".join(form.optional)) for form in found.credentials
        ]
        ctx.emit(
            described(found),
            text=lambda console: show(
                console,
                fields(found.title, about),
                *(
                    table(f"\n{title}", (*columns, "source", "=read on"), rows)
                    for title, columns, rows in (
                        ("Limits", ("=what", "#limit", "of"), limits),
                        ("Media", ("=kind", "of", "types", "limits"), media),
                    )
                    if rows
                ),
                *(f"[{number}] {source}" for number, source in enumerate(sources, start=1)),
                table("\nCredentials: one JSON object with", ("form", "required", "optional"), forms)
                if forms
                else "\nNeeds no credentials.",
                *(
                    table(f"\n{title}", ("=name", "what it is"), list(named.items()))
                    for title, named in (
                        ("Settings of an account: --set NAME=VALUE", known_settings(found)),
                        (f"Options of a post: --for {name}.NAME=VALUE", found.options),
                    )
                    if named
                ),
            ),
        )


def _consent(declaration: Declaration) -> str:
    """How accounts are connected, and what a person is asked for."""
    declared = declaration.authorization
    if declared is None:
        return "`accounts add`"
    variables = app_variables(declaration.name)
    app = f" by the app in {' and '.join(variables)}" if variables else ""
    return f"`accounts connect`{app}, which asks for {', '.join(declared.scopes)}"


def _readings(metrics: Metrics | None) -> str:
    if metrics is None:
        return "none: the platform tells no numbers"
    named = ", ".join(name for name in COUNTS if name in metrics.counts)
    posts = "a post" if metrics.batch_size == 1 else f"{metrics.batch_size} posts"
    return f"{named}; {posts} at once"


def _bounds(rule: MediaRule) -> Iterator[str]:
    """The limits of a rule in words, as in `width 32 to 1280`."""
    for what in ("bytes", "width", "height", "ratio", "seconds", "frame_rate"):
        least, most = getattr(rule, f"min_{what}"), getattr(rule, f"max_{what}")
        said = [
            f"{word} {_plain(bound)}" for word, bound in (("from", least), ("to", most)) if bound is not None
        ]
        if said:
            yield " ".join([what.replace("_", " "), *said])


def _plain(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:.2f}"


def described(declaration: Declaration) -> dict[str, Any]:
    """The declaration as JSON can hold it."""
    return {
        "name": declaration.name,
        "title": declaration.title,
        "documentation": declaration.documentation,
        "default_base_url": declaration.default_base_url,
        "features": sorted(declaration.features),
        "limits": declaration.limits,
        "credentials": declaration.credentials,
        "media": [{**asdict(rule), "mime_types": sorted(rule.mime_types)} for rule in declaration.media],
        "settings": known_settings(declaration),
        "options": dict(declaration.options),
        "metrics": declaration.metrics
        and {
            **asdict(declaration.metrics),
            "counts": [name for name in COUNTS if name in declaration.metrics.counts],
        },
        "authorization": declaration.authorization
        and {**asdict(declaration.authorization), "app": app_variables(declaration.name)},
        "refresh_early_seconds": declaration.refresh_early_seconds,
        "reconcile": declaration.reconcile,
        "key_ttl_seconds": declaration.key_ttl_seconds,
        "settle_seconds": declaration.settle_seconds,
        "handle_ttl_seconds": declaration.handle_ttl_seconds,
        "honest_limits": declaration.honest_limits,
    }

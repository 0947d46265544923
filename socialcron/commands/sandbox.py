"""`socialcron sandbox`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, single_app
from socialcron.errors import ServiceUnavailable, UsageError

app = single_app()


@app.command(
    epilog=example(
        "socialcron sandbox", 'socialcron sandbox --port 0 --json --faults "x:drop=0.05,late=0.01@5"'
    )
)
def sandbox(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Loopback address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port; 0 takes any free one.")
    ] = 8765,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the faults' dice.")] = None,
    faults: Annotated[
        str, typer.Option(metavar="LIST", help="Faults: [PLATFORM:]KIND=PROBABILITY[@SECONDS],...")
    ] = "",
    limits: Annotated[
        bool, typer.Option("--limits/--no-limits", help="Enforce the platforms' rate limits.")
    ] = True,
    media: Annotated[
        Path | None,
        typer.Option(
            metavar="DIRECTORY",
            help="Serve its files, for platforms that fetch media: SOCIALCRON_MEDIA_URL is then the address that is "
            "printed, and SOCIALCRON_ALLOW_PRIVATE_MEDIA=true.",
        ),
    ] = None,
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Serve local stand-ins of the platforms until Ctrl-C.

    Any token `sandbox-NAME` (Bluesky: any handle with a password that starts with `sandbox-`) is an account.
    With --json, one document with the base URLs is printed as soon as they answer.
    """
    with command_context("sandbox", json=json, env_file=env_file) as ctx:
        from socialcron.sandbox import Sandbox, parse_faults

        stop = threading.Event()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, lambda *_: stop.set())
        try:
            rules = parse_faults(faults)
            server = Sandbox.start(host=host, port=port, seed=seed, limited=limits, media=media)
        except ValueError as exc:
            raise UsageError(str(exc)) from exc
        except OSError as exc:
            reason = exc.strerror or str(exc)
            hint = "choose another --port, or --port 0 for any free one"
            raise ServiceUnavailable(
                f"the sandbox cannot listen on {host} port {port}: {reason}", hint=hint
            ) from exc
        with server:
            try:
                for rule in rules:
                    server.add_fault(rule)
            except ValueError as exc:
                raise UsageError(str(exc)) from exc
            urls = {name: server.url(name) for name in server.platforms}
            shown = {
                **urls,
                **({"media": server.media_url} if media else {}),
                "state": f"{server.control_url}/state",
            }
            lines = [f"{name:16}{url}" for name, url in shown.items()]
            ctx.emit(
                {
                    "port": server.port,
                    "base_url": server.base_url,
                    "platforms": urls,
                    "control": server.control_url,
                    "media": server.media_url if media else None,
                },
                text="\n".join([*lines, "Ctrl-C stops it."]),
            )
            sys.stdout.flush()  # a pipe's reader waits for this line
            stop.wait()

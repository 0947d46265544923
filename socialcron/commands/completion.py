"""`socialcron completion`: what a shell needs to complete our command lines."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from socialcron.commands import COMPLETE
from socialcron.commands.common import EnvFileOption, JsonOption, command_context, example, single_app

app = single_app()


@app.command(
    epilog=example(
        'eval "$(socialcron completion bash)"      # in ~/.bashrc',
        'eval "$(socialcron completion zsh)"       # in ~/.zshrc, after compinit',
        "socialcron completion fish | source       # in ~/.config/fish/config.fish",
    )
)
def completion(
    shell: Annotated[
        Literal["bash", "zsh", "fish"], typer.Argument(metavar="bash|zsh|fish", help="Your shell.")
    ],
    json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Print a script that lets your shell complete commands and options. Needs no database."""
    from typer._completion_shared import get_completion_script

    with command_context("completion", json=json, env_file=env_file) as ctx:
        script = get_completion_script(prog_name="socialcron", complete_var=COMPLETE, shell=shell)  # nosec B604  # its name
        ctx.emit({"shell": shell, "script": script}, text=script)

"""deploy/, Dockerfile and crontab.example: valid by each scheduler's own rules, and all of them the same schedule."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate as validate_kubernetes

from socialcron.commands.post_due import post_due
from socialcron.commands.schedule import JOBS
from tests.commands import all_commands
from tests.conftest import require_program

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"
BIN = Path(sys.executable).parent

Schedule = dict[str, str]
"""Words after `socialcron`, without options that differ by scheduler -> when, in five fields of cron."""


def test_schedules__are_the_same_everywhere() -> None:
    ours = {plain(words): when for when, words in JOBS}

    assert crontab(CHECKOUT / "crontab.example") == ours
    assert crontab(DEPLOY / "scheduler" / "crontab") == ours
    assert kubernetes() == ours
    assert systemd() == ours
    assert coolify() == ours
    # Render runs a job once at a time, so two of them take turns; it has no disk for pictures.
    assert render() == {
        name: when for name, when in ours.items() if name not in ("post-due", "cache-media")
    } | {"post-due even": "*/2 * * * *", "post-due odd": "1-59/2 * * * *"}


def test_every_look_ahead__reaches_the_next_tick_of_its_scheduler() -> None:
    found = {
        path.relative_to(CHECKOUT).as_posix(): int(match[1])
        for path in documents()[1:]
        if (match := re.search(r"post-due[, ]+--look-ahead[, \"]+(\d+)", path.read_text()))
    }

    assert set(found) == {
        "crontab.example",
        "deploy/coolify.md",
        "deploy/kubernetes/cronjobs.yaml",
        "deploy/render.yaml",
        "deploy/scheduler/crontab",
        "deploy/systemd/socialcron-post-due@.service",
    }
    assert all(seconds >= (120 if "render" in name else 60) for name, seconds in found.items()), found


def test_every_command_line__parses() -> None:
    parsers = dict(all_commands())
    lines = [(path.name, line) for path in documents() for line in command_lines(path)]
    assert len({name for name, _ in lines}) >= 8

    for name, line in lines:
        words = shlex.split(line)
        length = 2 if " ".join(words[:2]) in parsers else 1
        path = " ".join(words[:length])
        assert path in parsers, (name, line)
        parsers[path].make_context(path, words[length:])  # raises for what does not parse


def test_every_setting_in_deploy__exists() -> None:
    known = set(re.findall(r"^(?:# )?([A-Z_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))
    used = {
        name.removesuffix("_FILE")
        for path in documents()[1:]  # README: test_docs.py
        for name in re.findall(r"\b(SOCIALCRON_[A-Z_]+|DATABASE_URL\w*|LOG_FORMAT)\b", path.read_text())
    }
    named = {"SOCIALCRON_DIR", "SOCIALCRON_LOG", "SOCIALCRON_APP_SHOP_CLIENT_ID"}  # of the crontab; of an app

    assert used - named <= known


# --- Kubernetes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.30.0", "1.34.0", "1.37.0"])
def test_kubernetes__manifests_are_valid(version: str) -> None:
    for resource in resources():
        validate_kubernetes(resource, version, strict=True)


def test_kubernetes__an_unknown_field_is_noticed() -> None:
    (first, *_) = resources()
    first["spec"]["concurencyPolicy"] = "Allow"

    with pytest.raises(Exception, match="concurencyPolicy"):
        validate_kubernetes(first, "1.36.0", strict=True)


def test_kubernetes__each_job_may_overlap_and_has_time_to_end() -> None:
    grace = default_of("grace")
    for resource in resources():
        if resource["kind"] != "CronJob":
            continue
        rules, job = resource["spec"], resource["spec"]["jobTemplate"]["spec"]
        assert (rules["concurrencyPolicy"], job["backoffLimit"]) == ("Allow", 0)
        # Above 100 missed ticks within it, the controller gives a CronJob up; below 10 s, it misses ticks.
        assert 10 <= rules["startingDeadlineSeconds"] <= 3600
        assert job["template"]["spec"]["restartPolicy"] == "Never"
        assert job["template"]["spec"]["terminationGracePeriodSeconds"] > grace


def test_kubernetes__pods_may_do_next_to_nothing() -> None:
    for resource in resources():
        spec = resource["spec"]
        pod = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        for variable in container["env"]:
            assert "SECRET" not in variable["name"] or variable["name"].endswith("_FILE")


# --- Render, Compose, Docker ------------------------------------------------------------------------------------


# Fields of a cron job: https://render.com/docs/blueprint-spec, and its JSON schema (definitions.cronService).
RENDER_CRON = {
    *(
        "type",
        "name",
        "region",
        "plan",
        "runtime",
        "schedule",
        "buildCommand",
        "startCommand",
        "dockerCommand",
    ),
    *(
        "dockerfilePath",
        "dockerContext",
        "registryCredential",
        "repo",
        "branch",
        "image",
        "envVars",
        "buildFilter",
    ),
    *("rootDir", "autoDeploy", "autoDeployTrigger", "preDeployCommand"),
}


def test_render__has_documented_fields_only_and_refers_to_what_is_there() -> None:
    blueprint = yaml.safe_load((DEPLOY / "render.yaml").read_text())

    assert set(blueprint) == {"databases", "envVarGroups", "services"}
    (database,), (group,) = blueprint["databases"], blueprint["envVarGroups"]
    names = [service["name"] for service in blueprint["services"]]
    assert len(set(names)) == len(names)
    for service in blueprint["services"]:
        assert set(service) <= RENDER_CRON
        assert {"type", "name", "runtime", "schedule"} <= set(service)
        assert (service["type"], service["runtime"]) == ("cron", "docker")
        assert service["envVars"] == [
            {
                "key": "DATABASE_URL",
                "fromDatabase": {"name": database["name"], "property": "connectionString"},
            },
            {"fromGroup": group["name"]},
        ]
    migrating = [service["name"] for service in blueprint["services"] if "preDeployCommand" in service]
    assert migrating == ["post-due-even"]


def test_compose__is_valid_and_every_secret_is_a_file() -> None:
    done = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout

    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert services["scheduler"]["build"]["target"] == "scheduler"
    assert seconds(services["scheduler"]["stop_grace_period"]) > default_of("grace")
    for service in services.values():
        assert all(
            "/run/secrets/" in value for name, value in service["environment"].items() if "FILE" in name
        )
        assert not {"DATABASE_URL", "SOCIALCRON_SECRET_KEY", "POSTGRES_PASSWORD"} & set(
            service["environment"]
        )


def test_dockerfile__copies_what_dockerignore_lets_through_and_does_not_run_as_root() -> None:
    text = (CHECKOUT / "Dockerfile").read_text()
    let_through = {
        line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }

    for line in re.findall(r"^COPY (?!--from)(?:--chmod=\d+ )?(.+) \S+$", text, re.MULTILINE):
        for source in line.split():
            assert any(source == name or source.startswith(f"{name}/") for name in let_through), source
            assert (CHECKOUT / source).exists()
    stages = dict(re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL))
    assert "USER 10001:10001" in stages["socialcron"]
    assert "COPY --chmod=644 deploy/scheduler/crontab /etc/cron.d/" in text, (
        "cron takes no other, see cron(8)"
    )
    assert text.rstrip().endswith("FROM socialcron"), "what is built without --target"


# --- systemd -----------------------------------------------------------------------------------------------------


def test_systemd__units_are_valid(tmp_path: Path) -> None:
    program = require_program("systemd-analyze")
    units = tmp_path / "units"
    shutil.copytree(DEPLOY / "systemd", units)
    for path in units.rglob("*.service"):  # the program must be there
        path.write_text(path.read_text().replace("/srv/socialcron/.venv/bin", str(BIN)))
    names = [path.name.replace("@.", "@1700000000.") for path in units.iterdir() if path.is_file()]

    done = run(program, "verify", *names, "socialcron@maintain.service", cwd=units)

    assert (done.returncode, done.stdout) == (0, "")


def test_systemd__services_give_a_run_time_to_end_and_see_secrets_as_files() -> None:
    for name in ("socialcron@.service", "socialcron-post-due@.service"):
        text = (DEPLOY / "systemd" / name).read_text()
        assert seconds(unit(DEPLOY / "systemd" / name)["Service"]["TimeoutStopSec"]) > default_of("grace")
        assert "DATABASE_URL_FILE=%d/database-url" in text
    shared = [
        (DEPLOY / "systemd" / name).read_text().partition("\nUser=")[2]
        for name in ("socialcron@.service", "socialcron-post-due@.service")
    ]
    assert shared[0] == shared[1], "what both say is kept the same by hand"


# --- linters -----------------------------------------------------------------------------------------------------


def test_linters__have_nothing_to_say() -> None:
    rules = "{extends: relaxed, rules: {line-length: {max: 140}, truthy: enable}}"
    for command in (
        (BIN / "hadolint", CHECKOUT / "Dockerfile"),
        (require_program("shellcheck"), *sorted(DEPLOY.rglob("*.sh")), CHECKOUT / ".ci" / "run"),
        (BIN / "yamllint", "--strict", "-d", rules, *sorted(DEPLOY.rglob("*.yaml"))),
    ):
        done = run(*command)
        assert (done.returncode, done.stdout) == (0, "")


# --- how each of them says it ------------------------------------------------------------------------------------


def documents() -> list[Path]:
    """Everything that tells somebody to start socialcron."""
    return [
        *(CHECKOUT / name for name in ("README.md", "Dockerfile", "crontab.example")),
        *sorted(path for path in DEPLOY.rglob("*") if path.is_file()),
    ]


def plain(words: str) -> str:
    """Without options that differ by scheduler."""
    return re.sub(r" --(?:look-ahead|max-runtime) \d+| --strict", "", words)


def crontab(path: Path) -> Schedule:
    rows = re.findall(r"^((?:[\d*/,-]+\s+){5})(.+?) >>", path.read_text(), re.MULTILINE)
    assert rows
    return {plain(line.rpartition("socialcron ")[2]): " ".join(when.split()) for when, line in rows}


def resources() -> list[dict[str, Any]]:
    """Each Kubernetes resource, with lists opened and anchors expanded."""
    found: list[dict[str, Any]] = []
    for name in yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]:
        document = yaml.safe_load((DEPLOY / "kubernetes" / name).read_text())
        found += document["items"] if document["kind"] == "List" else [document]
    return found


def kubernetes() -> Schedule:
    found = {}
    for resource in resources():
        if resource["kind"] == "CronJob":
            (container,) = resource["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
            assert container["command"] == ["socialcron"]
            assert resource["spec"]["timeZone"] == "Etc/UTC"
            found[plain(" ".join(container["args"]))] = resource["spec"]["schedule"]
    return found


def render() -> Schedule:
    services = yaml.safe_load((DEPLOY / "render.yaml").read_text())["services"]
    return {
        plain(service["dockerCommand"].removeprefix("socialcron "))
        + (f" {service['name'].rpartition('-')[2]}" if "post-due" in service["name"] else ""): service[
            "schedule"
        ]
        for service in services
    }


def coolify() -> Schedule:
    rows = re.findall(
        r"^\| [\w-]+ \| `socialcron (.+?)` \| `(.+?)` \| (\d+) \|$",
        (DEPLOY / "coolify.md").read_text(),
        re.MULTILINE,
    )
    for words, _, timeout in rows:
        ends = re.search(r"--max-runtime (\d+)", words)
        assert "--strict" not in words
        assert not ends or int(ends[1]) + 60 + default_of("grace") < int(timeout), words
    return {plain(words): when for words, when, _ in rows}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(path)
    return parser


CALENDAR = {
    "*-*-* *:*:00": "* * * * *",
    "*:0/5": "*/5 * * * *",
    "*:0/10": "*/10 * * * *",
    "*:0/15": "*/15 * * * *",
    "*:07": "7 * * * *",
    "*:25": "25 * * * *",
    "04:20": "20 4 * * *",
    "03:40": "40 3 * * *",
}


def systemd() -> Schedule:
    found = {}
    for path in (DEPLOY / "systemd").glob("*.timer"):
        timer = unit(path)["Timer"]
        job = timer.get("Unit", "").removeprefix("socialcron@").removesuffix(".service") or "post-due"
        drop_in = DEPLOY / "systemd" / f"socialcron@{job}.service.d" / "arguments.conf"
        if drop_in.exists():
            job = unit(drop_in)["Service"]["Environment"].strip('"').removeprefix("ARGUMENTS=")
        found[plain(job)] = CALENDAR[timer["OnCalendar"]]
    return found


def command_lines(path: Path) -> Iterator[str]:
    """What follows the program's name, in code only."""
    text = path.read_text()
    if path.suffix == ".md":
        if path.name == "README.md":
            return  # test_docs.py reads it
        text = "\n".join(re.findall(r"`(socialcron [^`]+)`", text))
    elif path.suffix == ".yaml":
        data = list(yaml.safe_load_all(text))
        text = "\n".join(f"socialcron {line}" for line in strings(data))
    for line in text.splitlines():
        found = re.search(r"(?:^|[ /=&])socialcron (?!socialcron)([a-z][^|&>'\"$]+)", line)
        if found and not line.startswith("#") and "Description" not in line:
            yield found[1]


def strings(data: Any) -> Iterator[str]:
    """The words after `socialcron` in a manifest: of a shell line, or of `command` and `args`."""
    match data:
        case {"args": list(args), **rest}:
            yield " ".join(args)
            yield from strings(rest)
        case {"command": ["socialcron", *args]}:
            if args:
                yield " ".join(args)
        case dict():
            for value in data.values():
                yield from strings(value)
        case list():
            for value in data:
                yield from strings(value)
        case str() if data.startswith("socialcron "):
            yield data.removeprefix("socialcron ")


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def default_of(option: str) -> float:
    """Of post-due, in seconds."""
    from inspect import signature

    return float(signature(post_due).parameters[option].default)

"""The compose files are what Docker Compose reads, and what they ask of the program it can do."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from models.annotators.annotator import PRECEDING_FRAMES_MAX
from stream.commands.options import given_options
from stream.commands.run import run
from stream.config import OPTIONS, Options

DOCKER = Path(__file__).parents[2] / "docker"
FILES = ("compose.yaml", "compose.vllm.yaml")


def compose(name: str) -> dict[str, Any]:
    """A compose file, every variable with its default."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DOCKER / name).read_text())
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


def asked_for(name: str) -> Options:
    """What a file asks of the chain, as the program reads it; an error where it does not know an option."""
    with run.make_context("run", list(compose(name)["services"]["chain"]["command"])) as context:
        return given_options(context, OPTIONS.values()).options(context.params["sources"][0])


@pytest.mark.parametrize("name", FILES)
def test_files_follow_the_specification(name: str) -> None:
    """Each file is valid by the compose specification's own schema."""
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(DOCKER / name)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", FILES)
def test_arguments_reach_the_program(name: str) -> None:
    """Every option that a file passes is one of `run`'s, with a value that it takes."""
    options = asked_for(name)
    assert options.source == "/data"
    assert options.monitoring.metrics_host == "0.0.0.0"  # noqa: S104 - inside the container's network


def test_what_is_scraped_is_what_is_served() -> None:
    """Prometheus asks the chain's service at the port that the chain opens, in both set-ups."""
    scraped = YAML(typ="safe").load(DOCKER / "monitoring" / "prometheus.yaml")["scrape_configs"]
    targets = [target for job in scraped for config in job["static_configs"] for target in config["targets"]]
    assert {f"chain:{asked_for(name).monitoring.metrics_port}" for name in FILES} == set(targets)


def test_the_annotators_server_and_the_chain_agree() -> None:
    """The chain asks vLLM, by its service's name, for the model that it loads, with no more pictures than it takes."""
    options, vllm = asked_for("compose.vllm.yaml"), compose("compose.vllm.yaml")["services"]["vllm"]
    assert options.annotator.name == "openai"
    assert options.annotator.url == "http://vllm:8000/v1"
    assert f"--model={options.annotator.model}" in vllm["command"]
    pictures = options.annotator.frames + PRECEDING_FRAMES_MAX
    assert f'--limit-mm-per-prompt={{"image":{pictures}}}' in vllm["command"]


def test_everything_mounted_from_here_is_here() -> None:
    """A file that is mounted and missing would be made a folder by Docker: each of them exists."""
    services = compose("compose.yaml")["services"]
    volumes = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    mounted = [DOCKER / path for path in volumes if path.startswith("./")]
    assert mounted
    assert [path for path in mounted if not path.exists()] == []


def volumes(name: str) -> dict[str, set[str]]:
    """The named volumes of each service of a file; folders of this machine are none."""
    mounted = {name: service.get("volumes", ()) for name, service in compose(name)["services"].items()}
    sources = {name: {volume.split(":")[0] for volume in listed} for name, listed in mounted.items()}
    return {name: {each for each in volumes if not each.startswith((".", "/"))} for name, volumes in sources.items()}


def test_what_the_chain_writes_no_other_user_makes() -> None:
    """A folder that a container of another user makes in a volume is closed to the chain: it shares none."""
    for name in FILES:
        others = [mounted for service, mounted in volumes(name).items() if service != "chain"]
        assert volumes(FILES[0])["chain"].isdisjoint(set().union(*others))


def test_every_volume_is_declared() -> None:
    """A named volume that a service mounts stands among those of its own file."""
    for name in FILES:
        assert set().union(*volumes(name).values()) == set(compose(name)["volumes"])


def test_docker_compose_reads_them() -> None:
    """Docker Compose takes the first file alone, and both together."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    for names in (FILES[:1], FILES):
        files = [word for name in names for word in ("--file", str(DOCKER / name))]
        words = [docker, "compose", *files, "config", "--quiet"]
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, "")

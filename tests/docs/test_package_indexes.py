"""No file names the host of a package index: where packages come from is the installer's setting."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOSTS = {
    "pip and uv": ["pypi.org", "pypi.python.org", "pythonhosted.org", "download.pytorch.org", "pypi.nvidia.com"],
    "conda": ["conda.anaconda.org", "repo.anaconda.com"],
    "apt": ["deb.debian.org", "security.debian.org", "archive.ubuntu.com", "security.ubuntu.com"],
    "npm and yarn": ["registry.npmjs.org", "registry.yarnpkg.com"],
    "cargo, gem, go and Maven": ["crates.io", "rubygems.org", "proxy.golang.org", "repo1.maven.org"],
    "docker": ["registry-1.docker.io", "index.docker.io"],
}
"""The indexes that each installer uses by default. The image's label for its base may name docker's own host, because
the OCI asks there for the full name."""
NAMED = re.compile("|".join(re.escape(host) for hosts in HOSTS.values() for host in hosts))


def tracked_files() -> list[Path]:
    """All files of the repository; the test is skipped where there is none."""
    result = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.skip("this is not a git repository")
    return [ROOT / name for name in result.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_index() -> None:
    """Locks, scripts and documents work with any index that the installer is set to."""
    files = [path for path in tracked_files() if path != Path(__file__)]
    texts = {path.relative_to(ROOT): path.read_bytes().decode(errors="replace") for path in files}
    assert {str(name): match.group() for name, text in texts.items() if (match := NAMED.search(text))} == {}


@pytest.mark.parametrize("host", ["pypi.org", "files.pythonhosted.org", "index.docker.io"])
def test_an_index_is_recognised(host: str) -> None:
    """As an option, as a link to a file, and as a container registry."""
    assert NAMED.search(f"--index https://{host}/simple")

"""Packages that are missing, and those that are not needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tiny_models import TINY_DIMS, save_tiny_vjepa2

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random V-JEPA 2 on disk."""
    return save_tiny_vjepa2(tmp_path_factory.mktemp("saved"))


def _python(code: str, *arguments: str | Path) -> str:
    """Run code in a fresh interpreter and give what it printed."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_torchvision_is_not_needed(saved: Path) -> None:
    """The encoder runs where torchvision is not installed."""
    code = """
import sys
sys.modules["torchvision"] = None  # the interpreter's way to say: not installed
import numpy as np
from models.encoders.table import make_encoder
print(make_encoder("vjepa2", sys.argv[1], frames=4).encode(np.zeros((4, 256, 256, 3), np.uint8)).mean.shape)
"""
    assert _python(code, saved) == f"({TINY_DIMS},)"


def test_missing_packages_are_named_with_the_cure(saved: Path) -> None:
    """Without torch the error says which command brings it."""
    code = """
import sys
sys.modules["torch"] = None
from models.encoders.table import make_encoder
from models.errors import ModelUnavailableError
try:
    make_encoder("vjepa2", sys.argv[1])
except ModelUnavailableError as error:
    print(error)
"""
    message = "the Python package torch is not installed: pip install -e '.[vjepa]' in the project's folder"
    assert _python(code, saved) == message

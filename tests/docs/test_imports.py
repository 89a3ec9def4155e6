"""Who may import whom, and what the base install must do without."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_imports_go_downwards() -> None:
    """The import contracts of ``pyproject.toml`` hold."""
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as check; check()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_chain_modules_need_no_heavy_package() -> None:
    """Importing everything that a run with the grid encoder uses imports neither torch nor matplotlib."""
    program = (
        "import sys\n"
        "import stream.cli, stream.run.session, stream.run.prepare, stream.runtime.worker,"
        " stream.commands.run, stream.commands.tail,"
        "stream.stages.decode, stream.stages.rectify, stream.stages.embed, stream.stages.detect, stream.stages.record,"
        "models.encoders.grid;"
        "print(sorted({'torch', 'transformers', 'matplotlib', 'scipy', 'torchvision'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_processes_that_decode_nothing_need_no_decoder() -> None:
    """What detects and what records start without libav and OpenCV, and do not hold their memory."""
    program = (
        "import sys, stream.runtime.worker, stream.stages.detect, stream.stages.record;"
        "print(sorted({'av', 'cv2', 'rich', 'click'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_health_is_light() -> None:
    """`health` imports nothing that decodes, computes or talks to a network."""
    program = (
        "import sys, stream.cli, stream.commands.health;"
        "print(sorted({'torch', 'av', 'cv2', 'numpy', 'zmq', 'prometheus_client', 'rich'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def _python(code: str, *arguments: str | Path) -> str:
    """Run code in a fresh interpreter and give what it printed."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_light_import() -> None:
    """Naming and choosing an encoder, and making the grid, loads neither torch nor the packages around it."""
    code = """
import sys
import models.encoders.table, models.encoders.encoder, models.encoders.grid
models.encoders.table.make_encoder("grid")
print(sorted({"torch", "transformers", "huggingface_hub", "torchvision"} & set(sys.modules)))
"""
    assert _python(code) == "[]"

"""The sequential pipeline that ``bench compare`` measures, in this process."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from stream.bench import baseline
from stream.config import Options


def baseline_in_this_process(options: Options, embeddings: Path) -> dict[str, Any]:
    """The program of ``stream.bench.baseline``, without starting another interpreter."""
    result = CliRunner().invoke(baseline.main, baseline.arguments(options, embeddings), catch_exceptions=False)
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures

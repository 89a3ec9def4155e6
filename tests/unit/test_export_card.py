"""The README of a data set: its metadata is valid whatever the names in it, and says no more than is known."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.dataset.card import describe
from exporters.dataset.store import RunFacts
from tests.support.episodes import data_set, episode, run_facts

HOSTILE = 'a: "b"\n---\n`c` ``d`` <script>e</script> | {f} #g 螺丝'


def card(folder: Path, *runs: RunFacts, **options: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - of describe
    """Metadata and text of a README."""
    holding = data_set([episode(run_id=run.run_id) for run in runs], runs)
    describe(folder, holding, holding.rows, **options)
    _, front, text = (folder / "README.md").read_text().split("---\n", maxsplit=2)
    return yaml.safe_load(front), text


@pytest.mark.parametrize(
    ("licence", "metadata"),
    [
        ("apache-2.0", {"license": "apache-2.0"}),
        ("CC BY 4.0: for us", {"license": "other", "license_name": "CC BY 4.0: for us"}),
        ("no\n---\nlicence", {"license": "other", "license_name": "no --- licence"}),
        ("", {}),
    ],
)
def test_any_licence_is_valid_metadata(tmp_path: Path, licence: str, metadata: dict[str, str]) -> None:
    front, _ = card(tmp_path, run_facts(licence=licence))
    assert {name: front[name] for name in front if name.startswith("license")} == metadata


@pytest.mark.parametrize("other", ["", "mit"])
def test_a_card_states_no_licence_that_a_part_lacks(tmp_path: Path, other: str) -> None:
    front, text = card(tmp_path, run_facts(licence="apache-2.0"), run_facts(run_id="2", licence=other))
    assert "license" not in front
    assert "licence `apache-2.0`" in text


def test_any_name_is_one_line_of_code(tmp_path: Path) -> None:
    source = {"name": HOSTILE}
    run = run_facts(source=source, annotators=[{"model": HOSTILE}], encoder={"model": HOSTILE}, licence=HOSTILE)
    _, text = card(tmp_path, run)
    (line,) = [line for line in text.splitlines() if line.startswith("- ")]
    assert line.count("```" + " ".join(HOSTILE.split()) + "```") == 4


def test_a_card_of_many_runs_stays_readable(tmp_path: Path) -> None:
    _, text = card(tmp_path, *(run_facts(run_id=str(number)) for number in range(103)))
    assert text.count("\n- `clip.mp4`") == 100
    assert "\n- and 3 more\n" in text


def test_the_first_configuration_is_the_default(tmp_path: Path) -> None:
    front, _ = card(tmp_path, run_facts(), configs={"a": {"train": "a-*", "validation": "b-*"}, "b": {"train": "c"}})
    assert front["configs"] == [
        {
            "config_name": "a",
            "data_files": [{"split": "train", "path": "a-*"}, {"split": "validation", "path": "b-*"}],
            "default": True,
        },
        {"config_name": "b", "data_files": [{"split": "train", "path": "c"}]},
    ]


def test_a_card_without_episodes_is_whole(tmp_path: Path) -> None:
    holding = data_set([])
    describe(tmp_path, holding, [])
    assert "| described | none |" in (tmp_path / "README.md").read_text()

"""Names and words of any kind in an export: every file is still what its readers take it for."""

import csv
import json
import tarfile
from pathlib import Path
from typing import Any

import h5py
import pyarrow.parquet as pq
import pympi
import pytest
import webvtt
import yaml

from tests.support.coded_run import CodedSegment, make_coded_run
from tests.support.exports import READABLE, export

NAME = "q\"u'o --- te <b> `x` | 螺丝 .. --> ]]> é {x}: #a "
WORDS = 'tighten "the"\r\n\n---\n`bolt` | <b>x</b> --> ]]> 螺丝 \u2028 {{end}}, =1+1'
ONE_LINE = " ".join(WORDS.split())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    segments = [CodedSegment(0.0, 0.2, words=(WORDS,)), CodedSegment(0.2, 0.4, failed=WORDS)]
    run = make_coded_run(folder, name=NAME, segments=segments)
    export(",".join(READABLE), run, folder / "set", "--license", WORDS)
    return folder / "set"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


@pytest.mark.parametrize("name", READABLE)
def test_a_card_is_valid_and_names_the_licence(exported: Path, name: str) -> None:
    _, front, text = (exported / name / "README.md").read_text().split("---\n", maxsplit=2)
    assert yaml.safe_load(front)["license_name"] == ONE_LINE
    assert sum(line.startswith("- ") for line in text.splitlines()) == 1


def test_tables_hold_the_very_words(exported: Path) -> None:
    with (exported / "clips/episodes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tables = {
        "csv": rows,
        "jsonl": lines(exported / "clips/episodes.jsonl"),
        "hf": lines(exported / "hf/train/metadata.jsonl"),
        "v2.1": lines(exported / "lerobot21/meta/segments.jsonl"),
        "v3.0": pq.read_table(exported / "lerobot/meta/episodes/chunk-000/file-000.parquet").to_pylist(),
        "parquet": pq.read_table(exported / "parquet/episodes.parquet").to_pylist(),
        "labelstudio": [task["data"] for task in json.loads((exported / "labelstudio/tasks.json").read_text())],
    }
    for name, found in tables.items():
        assert [row["reason"] for row in found] == ["", WORDS], name
        assert [row["clip"] for row in found] == [NAME] * 2, name
    assert [row["caption"] for row in rows] == [WORDS, ""]
    assert pq.read_table(exported / "lerobot/meta/tasks.parquet").column("task").to_pylist() == [WORDS, ""]
    assert [line["task"] for line in lines(exported / "lerobot21/meta/tasks.jsonl")] == [WORDS, ""]


def test_shards_have_one_sample_for_each_key(exported: Path) -> None:
    with tarfile.open(exported / "webdataset/train-000000.tar") as tar:
        keys = [name.partition(".")[0] for name in tar.getnames()]
        texts = [tar.extractfile(name).read().decode() for name in tar.getnames() if name.endswith(".txt")]  # type: ignore[union-attr]  # a file
    assert (len(set(keys)), len(keys), texts) == (2, 6, [WORDS, ""])


def test_words_of_review_formats_are_one_line_each(exported: Path) -> None:
    (clip, failed) = sorted((exported / "vtt").glob("*.vtt"))
    (cue,) = webvtt.read(str(clip)).captions
    escaped = ONE_LINE.replace("<", "&lt;").replace(">", "&gt;")
    assert cue.text == escaped
    assert webvtt.read(str(failed)).captions[0].text == f"[typical, failed: {escaped}]"
    (caption,) = (exported / "cosmos/metas").iterdir()
    assert caption.read_text() == ONE_LINE + "\n"


def test_elan_and_hdf5_hold_the_words(exported: Path) -> None:
    file = pympi.Eaf(str(min((exported / "eaf").glob("*.eaf"))))
    ((_, _, value),) = file.get_annotation_data_for_tier("subtasks")
    assert " ".join(value.split()) == ONE_LINE
    with h5py.File(exported / "egohumanoid/episode_0.hdf5") as episode:
        assert episode.attrs["task"] == WORDS

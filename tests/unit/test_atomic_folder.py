"""A folder that is replaced as a whole."""

from pathlib import Path

import pytest

from stream.records.store.atomic import replaced_folder


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_is_replaced_with_all_that_was_in_it(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with replaced_folder(tmp_path / "store") as part:
            (part / "inner").mkdir()
            (part / "inner" / name).write_text(name)
    assert names_in(tmp_path) == ["store", "store/inner", "store/inner/new"]


def test_an_error_leaves_the_old_folder(tmp_path: Path) -> None:
    with replaced_folder(tmp_path / "store") as part:
        (part / "old").touch()
    with pytest.raises(ZeroDivisionError), replaced_folder(tmp_path / "store") as part:
        (part / str(1 // 0)).touch()
    assert names_in(tmp_path) == ["store", "store/old"]


def test_what_a_kill_has_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "store.part").mkdir()
    (tmp_path / "store.part" / "half").touch()
    (tmp_path / "store.old.part").mkdir()
    with replaced_folder(tmp_path / "store") as part:
        (part / "new").touch()
    assert names_in(tmp_path) == ["store", "store/new"]

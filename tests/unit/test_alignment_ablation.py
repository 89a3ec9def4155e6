"""The four arms of an ablation."""

from hashlib import sha256

import pytest

from stream.alignment.ablation import AblationEpisodes, EpisodeFile, manifests
from stream.records.schema.ablation import AblationManifest


def file(name: str, source: str | None = None, frames: int = 10) -> EpisodeFile:
    digest = sha256(f"{name}{source}".encode()).hexdigest()
    return EpisodeFile(name, f"{name}.h5", "image", frames, 100, digest, source, None)


def found(humans: int, robots: int) -> AblationEpisodes:
    raws = [file(f"h{number}") for number in range(humans)]
    pairs = [(raw, file(raw.stem, raw.sha256, frames=9)) for raw in raws]
    return AblationEpisodes(pairs, [file(f"r{number}") for number in range(robots)])


def by_arm(humans: int, robots: int, *, is_equal: bool = False, seed: int = 1) -> dict[str, AblationManifest]:
    return {each.arm: each for each in manifests(found(humans, robots), seed, 0.2, is_equal=is_equal)}


def splits(manifest: AblationManifest) -> dict[str, str]:
    return {each.episode_id: each.split for each in manifest.episodes}


def test_both_human_arms_have_the_same_episodes_in_the_same_split() -> None:
    arms = by_arm(10, 5)
    assert splits(arms["raw_human"]) == splits(arms["aligned_human"])
    assert splits(arms["aligned_and_robot"]) == {**splits(arms["aligned_human"]), **splits(arms["robot_only"])}
    assert {each.output_type for each in arms["raw_human"].episodes} == {"raw_observation"}
    assert {each.output_type for each in arms["aligned_human"].episodes} == {"derived_observation"}
    counts = arms["aligned_and_robot"]
    assert (counts.human.train_episodes, counts.human.val_episodes, counts.robot.val_episodes) == (8, 2, 1)
    assert (counts.human.train_frames, counts.robot.val_frames) == (72, 10)


@pytest.mark.parametrize(("humans", "robots"), [(10, 4), (4, 10)])
def test_equal_numbers_are_drawn_from_the_larger_group(humans: int, robots: int) -> None:
    arms = by_arm(humans, robots, is_equal=True)
    assert {arm: len(each.episodes) for arm, each in arms.items()} == {
        "robot_only": 4, "raw_human": 4, "aligned_human": 4, "aligned_and_robot": 8,
    }  # fmt: skip
    assert splits(arms["raw_human"]) == splits(arms["aligned_human"])
    assert by_arm(humans, robots, is_equal=True, seed=2) != arms
    assert by_arm(humans, robots, is_equal=True) == arms

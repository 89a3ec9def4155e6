"""The four arms of an ablation: the robot's own episodes, raw human ones, aligned ones, and the last with the first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from stream.records.schema.ablation import AblationCounts, AblationEpisode, AblationManifest, Arm, Split


@dataclass(frozen=True, slots=True)
class EpisodeFile:
    """An HDF5 episode on disk."""

    stem: str
    path: str
    """From the folder of the manifests."""
    image_key: str
    frames: int
    size_bytes: int
    sha256: str
    source_sha256: str | None = None
    """Of the raw episode; None if it is raw."""
    record: str | None = None


@dataclass(frozen=True, slots=True)
class AblationEpisodes:
    """All that is there; the human episodes are pairs of a raw one and the aligned one that was made from it."""

    human: Sequence[tuple[EpisodeFile, EpisodeFile]]
    robot: Sequence[EpisodeFile]


def manifests(found: AblationEpisodes, seed: int, val_fraction: float, *, is_equal: bool) -> Sequence[AblationManifest]:
    """One manifest an arm.

    The human arms have the same episodes in the same split. With ``is_equal``, there are as many human as robot
    episodes: those of the larger group are drawn by the seed.
    """
    pairs = {raw.sha256: (raw, aligned) for raw, aligned in found.human}
    robots = {each.sha256: each for each in found.robot}
    count = min(len(pairs), len(robots)) if is_equal else None
    humans_kept, robots_kept = (_drawn(each, seed, "choice")[:count] for each in (pairs, robots))
    splits = {**_split(humans_kept, seed, val_fraction), **_split(robots_kept, seed, val_fraction)}
    raw = sorted((_entry(pairs[each][0], "human", splits[each]) for each in humans_kept), key=_by_id)
    aligned = sorted((_entry(pairs[each][1], "human", splits[each]) for each in humans_kept), key=_by_id)
    robot = sorted((_entry(robots[each], "robot", splits[each]) for each in robots_kept), key=_by_id)
    arms: dict[Arm, list[AblationEpisode]] = {
        "robot_only": robot, "raw_human": raw, "aligned_human": aligned, "aligned_and_robot": [*aligned, *robot],
    }  # fmt: skip
    return [
        AblationManifest(
            arm=arm,
            seed=seed,
            val_fraction=val_fraction,
            is_equal=is_equal,
            human=_counts(each for each in episodes if each.embodiment == "human"),
            robot=_counts(each for each in episodes if each.embodiment == "robot"),
            episodes=episodes,
        )
        for arm, episodes in arms.items()
    ]


def _drawn(identities: Iterable[str], seed: int, purpose: str) -> Sequence[str]:
    """In a random order, which for two episodes does not depend on what others there are."""
    return sorted(identities, key=lambda each: sha256(f"{seed} {purpose} {each}".encode()).digest())


def _split(identities: Sequence[str], seed: int, val_fraction: float) -> dict[str, Split]:
    """As many for validation as the fraction says, and one at least where it is not 0 and there are several."""
    several = val_fraction > 0.0 and len(identities) > 1
    held_out = max(1, round(val_fraction * len(identities))) if several else 0
    return {
        each: "val" if number < held_out else "train" for number, each in enumerate(_drawn(identities, seed, "split"))
    }


def _entry(file: EpisodeFile, embodiment: Literal["human", "robot"], split: Split) -> AblationEpisode:
    return AblationEpisode(
        episode_id=f"{embodiment}/{file.stem}",
        path=file.path,
        embodiment=embodiment,
        output_type="raw_observation" if file.source_sha256 is None else "derived_observation",
        split=split,
        image_key=file.image_key,
        frames=file.frames,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        source_sha256=file.source_sha256,
        record=file.record,
    )


def _counts(episodes: Iterable[AblationEpisode]) -> AblationCounts:
    counts = {"train_episodes": 0, "train_frames": 0, "val_episodes": 0, "val_frames": 0}
    for each in episodes:
        counts[f"{each.split}_episodes"] += 1
        counts[f"{each.split}_frames"] += each.frames
    return AblationCounts(**counts)


def _by_id(episode: AblationEpisode) -> str:
    return episode.episode_id

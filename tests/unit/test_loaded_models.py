"""Models that stay loaded for several runs, and what each run's record says of them."""

from stream.runtime.loaded_models import FactsOfRun, LoadedModels


def test_a_model_is_loaded_again_only_if_another_one_is_wanted() -> None:
    """The last one is gone before the next one is loaded: both would not fit into the memory."""
    models, held = LoadedModels(), set[str]()

    class Model:
        def __init__(self, name: str) -> None:
            assert not held
            held.add(name)
            self.name = name

        def __del__(self) -> None:
            held.discard(self.name)

    assert models.get("encoder", ("a", 1), lambda: Model("a")).name == "a"
    assert models.get("encoder", ("a", 1), lambda: Model("b")).name == "a"
    assert models.get("encoder", ("a", 2), lambda: Model("b")).name == "b"
    models.clear()
    assert not held


def test_a_load_is_counted_once() -> None:
    """Each kind by itself."""
    models = LoadedModels()
    for _ in range(2):
        models.get("encoder", 1, lambda: sum(range(200_000)))
    assert models.take_load_s("annotator") == 0.0
    assert models.take_load_s("encoder") > 0.0
    assert models.take_load_s("encoder") == 0.0


def test_what_a_model_counts_begins_anew_with_each_run() -> None:
    """Also if the process that holds it was restarted meanwhile; other facts are as they are."""
    facts: dict[str, str | int | float] = {"model": "m", "device_busy_s": 10.0, "memory_halvings": 2, "frames": 64}
    of_run = FactsOfRun(lambda: facts)
    facts |= {"device_busy_s": 12.5, "memory_halvings": 3}
    assert of_run() == {"model": "m", "device_busy_s": 2.5, "memory_halvings": 1, "frames": 64}
    facts["device_busy_s"] = 1.0
    assert of_run()["device_busy_s"] == 0.0

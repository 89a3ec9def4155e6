"""The annotator of commands that describe one run after another: its model is loaded once."""

from models.annotators.annotator import Annotator
from stream.annotation.factory import loading_key, make
from stream.config import Options
from stream.runtime.gpu_budget import limit_gpu_alone
from stream.runtime.loaded_models import LoadedModels
from stream.runtime.processes import ANNOTATE


class LoadedAnnotator:
    """Gives each run its annotator, which stays loaded as long as the options that decide what is loaded are the same.

    It has all of the GPU memory that was free before the first one was loaded.
    """

    def __init__(self) -> None:
        self._models = LoadedModels()
        self._vram_budget_gib: float | None = None

    def get(self, options: Options) -> Annotator:
        """The annotator that a run's options name.

        Raises:
            ModelUnavailableError: its packages or weights are missing.
            NoRoomError: its model does not fit into the GPU's memory.
            UsageError: it cannot take an option.
        """
        if options.machine.vram_budget_gib is None:
            options = options.replace({"machine.vram_budget_gib": self._vram_budget_gib})
        options = limit_gpu_alone(options, ANNOTATE)
        self._vram_budget_gib = options.machine.vram_budget_gib
        key = loading_key(options)
        return make(options) if key is None else self._models.get(ANNOTATE.name, key, lambda: make(options))

    def take_load_s(self) -> float:
        """Time that loading has taken since the last call."""
        return self._models.take_load_s(ANNOTATE.name)

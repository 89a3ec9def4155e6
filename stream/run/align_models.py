"""Loads the models of a call of ``align``."""

from models.depth.table import make_depth_estimator
from models.errors import ModelUnavailableError
from models.inpaint.table import make_inpainter
from models.weights.fetch import Report, unreported
from stream.alignment.models import AlignModels
from stream.alignment.options import AlignOptions
from stream.errors import UsageError


def load_models(options: AlignOptions, report: Report = unreported) -> AlignModels:
    """Load the models that the options name; ``report`` receives the progress of a download.

    Raises:
        ModelUnavailableError: there is no source of depth, or a model cannot be loaded.
        UsageError: there are two sources of depth.
    """
    key, model = options.depth_key, options.depth_model
    if key is not None and model is not None:
        raise UsageError(f"--depth_key {key} and --depth-model {model} contradict each other: give one")
    if key is None and model is None:
        raise ModelUnavailableError(
            "there is no depth: name the data set that holds it with --depth_key, or a model that estimates it with "
            "--depth-model"
        )
    inpainter = None if options.inpaint_model is None else make_inpainter(options.inpaint_model)
    if model is None:
        return AlignModels(inpainter=inpainter)
    return AlignModels(make_depth_estimator(model, allow_download=not options.offline, report=report), inpainter)

"""Errors of the models, apart from invalid arguments (``ValueError``)."""


class ModelUnavailableError(Exception):
    """A package, a model or its weights are missing or invalid. The message is one sentence that says what to do."""

"""Packages that only some formats need."""

from importlib import import_module

from stream.errors import ModelUnavailableError


def require_extra(module: str, extra: str) -> None:
    """Raise ``ModelUnavailableError`` if a module that an extra installs cannot be imported."""
    try:
        import_module(module)
    except ImportError as error:
        raise ModelUnavailableError(
            f"this format needs {module}: install the extra `{extra}` (pip install 'egoclean-stream[{extra}]')"
        ) from error

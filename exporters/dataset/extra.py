"""Packages that only some formats need."""

from importlib import import_module

from models.packages import how_to_install_extra
from stream.errors import ModelUnavailableError


def require_extra(module: str, extra: str) -> None:
    """Raise ``ModelUnavailableError`` if a module that an extra installs cannot be imported."""
    try:
        import_module(module)
    except ImportError as error:
        raise ModelUnavailableError(f"this format needs {module}: {how_to_install_extra(extra)}") from error

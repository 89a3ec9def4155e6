"""Writing Parquet files that are whole under their name, and the same bytes for the same content."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stream.errors import ModelUnavailableError
from stream.records.store.atomic import replaced_when_whole

if TYPE_CHECKING:
    import pyarrow as pa


def require_pyarrow() -> None:
    """Raise ``ModelUnavailableError`` if pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - whether it is there
    except ImportError as error:
        raise ModelUnavailableError(
            "this format needs pyarrow: install the extra `export` (pip install 'egoclean-stream[export]')"
        ) from error


def write_parquet(path: Path, schema: "pa.Schema", tables: "Iterable[pa.Table]") -> None:
    """Write tables of one schema as the row groups of a file."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_when_whole(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def table_bytes(table: "pa.Table") -> bytes:
    """A small table as the content of a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())

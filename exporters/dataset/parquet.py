"""Writes Parquet files atomically; equal content gives the same bytes."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.dataset.extra import require_extra
from stream.records.store.atomic import replaced_when_whole

if TYPE_CHECKING:
    import pyarrow as pa


require_pyarrow = partial(require_extra, "pyarrow", "export")


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

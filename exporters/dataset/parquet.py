"""Writes Parquet files atomically; equal content gives the same bytes."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exporters.dataset.extra import require_extra
from stream.records.store.atomic import replaced_when_whole

if TYPE_CHECKING:
    import pyarrow as pa


_ROWS_AT_ONCE: Final = 500
_COUNTS: Final = frozenset({"repeated_frames", "dropped_pictures", "width_px", "height_px"})
"""Facts of a clip, which are null where none was cut."""

require_pyarrow = partial(require_extra, "pyarrow", "export")


def write_parquet(path: Path, schema: "pa.Schema", tables: "Iterable[pa.Table]") -> None:
    """Write tables of one schema as the row groups of a file."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_when_whole(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def schema_of(row: Mapping[str, Any]) -> "pa.Schema":
    """The types of a table, by the values of one row: of those that may be null, only ``_COUNTS`` are integers."""
    import pyarrow as pa

    known = {str: pa.string(), int: pa.int64(), float: pa.float64(), list: pa.list_(pa.string())}
    return pa.schema(
        [(name, pa.int64() if name in _COUNTS else known.get(type(value), pa.float64())) for name, value in row.items()]
    )


def write_rows(path: Path, schema: "pa.Schema", rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows of Python values, some of which are in memory at a time; each group of them is a row group."""
    import pyarrow as pa

    def tables() -> "Iterator[pa.Table]":
        remaining = iter(rows)
        while some := list(islice(remaining, _ROWS_AT_ONCE)):
            yield pa.Table.from_pylist(some, schema)

    write_parquet(path, schema, tables())


def table_bytes(table: "pa.Table") -> bytes:
    """A small table as the content of a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())

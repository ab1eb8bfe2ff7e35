"""Columns of tables that stand for a layer each: its change, or its name with an ending."""

from collections.abc import Iterable, Sequence

#: What a table of changes tells of each frame, before a column of changes for each layer.
FRAME_COLUMNS = ("frame", "source_frame", "time_s")

#: Endings of a layer's columns in tables of accumulators; counts stand in others, too.
THRESHOLD, SALIENT, COUNT = "_threshold", "_salient", "_count"


def change_layers(header: Sequence[str]) -> list[str]:
    """The layers of a table of changes, whose columns are called as they are.

    Examples
    --------
    >>> change_layers(["frame", "source_frame", "time_s", "pool1", "pool5"])
    ['pool1', 'pool5']
    """
    return list(header[len(FRAME_COLUMNS) :])


def layer_columns(header: Iterable[str], ending: str = COUNT) -> dict[str, str]:
    """Layer -> its column whose name has this ending, in the order of the table.

    Examples
    --------
    >>> layer_columns(["time_s", "pool1_count", "pool5_count", "pool5_salient"])
    {'pool1': 'pool1_count', 'pool5': 'pool5_count'}
    """
    return {name.removesuffix(ending): name for name in header if name.endswith(ending)}

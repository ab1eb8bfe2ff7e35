"""Columns of tables that belong to a layer: its change, or its name with a suffix."""

from collections.abc import Iterable, Sequence

#: Columns of a table of changes before those of the layers.
FRAME_COLUMNS = ("frame", "source_frame", "time_s")

#: Ending of a layer's column of thresholds in tables of accumulators.
THRESHOLD = "_threshold"
#: Ending of its column of salient frames there.
SALIENT = "_salient"
#: Ending of its column of counts, there and in other tables.
COUNT = "_count"


def change_layers(header: Sequence[str]) -> list[str]:
    """Return the layers of a table of changes, whose columns have the layers' names.

    Examples
    --------
    >>> change_layers(["frame", "source_frame", "time_s", "pool1", "pool5"])
    ['pool1', 'pool5']
    """
    return list(header[len(FRAME_COLUMNS) :])


def layer_columns(header: Iterable[str], ending: str = COUNT) -> dict[str, str]:
    """Map each layer to its column with this ending, in the order of the table.

    Examples
    --------
    >>> layer_columns(["time_s", "pool1_count", "pool5_count", "pool5_salient"])
    {'pool1': 'pool1_count', 'pool5': 'pool5_count'}
    """
    return {name.removesuffix(ending): name for name in header if name.endswith(ending)}

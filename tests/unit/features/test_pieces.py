"""Which pieces a long video has, and what joining refuses."""

import json
import math

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronovision.core.hdf5 import new_h5
from chronovision.errors import UserError
from chronovision.features.joining import join_pieces
from chronovision.features.pieces import piece_names, piece_window
from chronovision.videos.span import Span

WHOLE = Span()


@pytest.fixture
def names(tmp_path):
    def find(duration_s, minutes, span=WHOLE):
        info = tmp_path / "info.json"
        info.write_text(json.dumps({"duration_s": duration_s}))
        return piece_names(info, span, minutes)

    return find


def test_names(names):
    assert names(60, 1) == [] == names(59.9, 1) == names(7200, 120)
    assert names(60.1, 1) == ["1of2", "2of2"]
    assert names(720, 1)[:2] == ["01of12", "02of12"] and names(720, 1)[-1] == "12of12"
    assert names(600, 1, Span(None, 90.0)) == ["1of2", "2of2"]
    assert names(600, 1, Span(540.0)) == [] == names(600, 1, Span(560.0, 900.0))


@given(st.floats(0.1, 1e5), st.floats(0.5, 1e4))
def test_windows_cover_all_times_once(duration_s, minutes):
    count = max(math.ceil(duration_s / (60 * minutes)), 1)
    windows = [piece_window(f"{n}of{count}", minutes) for n in range(1, count + 1)]
    assert windows[0][0] == 0 and windows[-1][1] == math.inf
    for (_, end), (start, _) in zip(windows[:-1], windows[1:], strict=True):
        assert end == start


def piece(path, device="cpu", n=3, torch="2.14.1"):
    software = {"torch": torch, "commit": path.stem}
    provenance = {"network": {"model": "vgg19", "device": device}, "software": software}
    with new_h5(path, provenance) as file:
        file.attrs["layers"] = '["pool1"]'
        file["time_s"], file["source_frame"] = np.arange(n) / 4, np.arange(n)
        file["key_frame"] = np.zeros(n, bool)
        group = file.create_group("layers/pool1")
        group.attrs["units"] = 7
        group["mean"] = np.arange(n, dtype=float)
    return path


def test_empty_pieces_count_for_nothing(tmp_path):
    paths = [piece(tmp_path / f"{i}.h5", n=n) for i, n in enumerate([2, 0, 3])]
    join_pieces(paths, tmp_path / "joined.h5")
    with h5py.File(tmp_path / "joined.h5") as file:
        assert file["layers/pool1/mean"][:].tolist() == [0, 1, 0, 1, 2]
        assert file["time_s"].shape == (5,) and file["layers/pool1"].attrs["units"] == 7


@pytest.mark.parametrize("other", [{"device": "cuda"}, {"torch": "2.15"}])
def test_pieces_that_were_made_otherwise_are_refused(tmp_path, other):
    paths = [piece(tmp_path / "1.h5"), piece(tmp_path / "2.h5", **other)]
    ((name, value),) = other.items()
    with pytest.raises(UserError, match=f"2.h5: .* {name} {value}, the first one with "):
        join_pieces(paths, tmp_path / "joined.h5")
    assert not (tmp_path / "joined.h5").exists()

"""A long video's features, extracted in pieces, each a job of its own."""

import h5py
import pytest

from support.pipeline import copy_run, plan, snakemake, write_config, write_videos

#: Pieces of 1.2 seconds.
PIECES = {"features": {"chunk_minutes": 0.02}, "network": {"keep_maps": ["pool5"]}}
WHOLE = {"network": {"keep_maps": ["pool5"]}}
TARGETS = [f"results/changes/correlation/{video}.tsv" for video in ("long", "short")]


def described(path):
    """All that is in a file of features: contents and storage of the datasets, and attributes."""
    found = {}

    def note(name, item):
        found[name] = dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            storage = item.chunks, item.compression, item.shuffle, item.dtype, item.shape
            found[name] = (storage, item[()].tobytes(), dict(item.attrs))

    with h5py.File(path) as file:
        file.visititems(note)
        return found, dict(file.attrs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, videos, project):
    """A long and a short video, extracted in one go each."""
    folder = tmp_path_factory.mktemp("pieces") / "whole"
    folder.mkdir()
    files = {"long": videos["cuts"], "short": videos["zoom"]}
    write_videos(folder, files, end_s={"short": 1})
    snakemake(folder, write_config(folder, WHOLE), *TARGETS, project=project).succeeded()
    return folder


def test_pieces_give_what_one_go_gives(whole, project, tmp_path):
    folder = copy_run(whole, tmp_path / "split")
    config = write_config(folder, PIECES)
    planned = plan(folder, config, *TARGETS, project=project).succeeded().jobs
    # The short video stays as it is.
    assert planned == {
        **{"dump_frames": 1, "extract_piece": 4, "extract_features": 1, "measure_changes": 1}
    }
    done = snakemake(folder, config, *TARGETS, project=project).succeeded()
    assert {f"long: extracting features, piece {n}of4" for n in range(1, 5)} <= set(done.messages)
    results = folder / "results"
    assert not list(results.glob("pieces/*/*")) and not list(results.glob("frames/*"))
    for video in ("long", "short"):
        name = f"features/{video}.h5"
        assert described(results / name) == described(whole / "results" / name)
    for target in TARGETS:
        assert (folder / target).read_bytes() == (whole / target).read_bytes()
    assert "Nothing to be done" in snakemake(folder, config, *TARGETS, project=project).text


@pytest.mark.slow
def test_pieces_frame_by_frame(whole, project, tmp_path):
    """Batches of one, so that the frame before a piece comes alone."""
    folder = copy_run(whole, tmp_path / "ones")
    network = {**PIECES["network"], "batch_size": 1}
    config = write_config(folder, {**PIECES, "network": network})
    snakemake(folder, config, *TARGETS, project=project).succeeded()
    name = "results/features/long.h5"
    assert described(folder / name)[0] == described(whole / name)[0]


@pytest.mark.slow
def test_a_video_that_cannot_be_probed_keeps_no_frames_of_others(videos, project, tmp_path):
    """With a checkpoint among its jobs Snakemake would delete nothing."""
    write_videos(tmp_path, {"long": videos["cuts"], "gone": tmp_path / "gone.mp4"})
    target = "results/changes/correlation/{}.tsv"
    config = write_config(tmp_path, WHOLE)
    targets = [target.format(video) for video in ("long", "gone")]
    done = snakemake(tmp_path, config, *targets, "--keep-going", project=project)
    assert done.code != 0 and "gone.mp4: no such video file" in done.text
    assert (tmp_path / target.format("long")).exists()
    assert not list((tmp_path / "results/frames").glob("*"))


@pytest.mark.slow
def test_pieces_from_the_start(whole, project, tmp_path, videos):
    """The number of pieces is not known before the video has been looked at."""
    files = {"long": videos["cuts"], "short": videos["zoom"]}
    write_videos(tmp_path, files, end_s={"short": 1})
    config = write_config(tmp_path, PIECES)
    assert "probe_video" in plan(tmp_path, config, *TARGETS, project=project).succeeded().rules
    done = snakemake(tmp_path, config, *TARGETS, project=project).succeeded()
    assert len([text for text in done.messages if "piece" in text]) == 4
    name = "results/features/long.h5"
    assert described(tmp_path / name)[0] == described(whole / name)[0]
    assert "Nothing to be done" in snakemake(tmp_path, config, *TARGETS, project=project).text


@pytest.mark.slow
def test_finished_pieces_outlive_a_killed_run(whole, project, tmp_path):
    folder = copy_run(whole, tmp_path / "killed")
    config = write_config(folder, PIECES)
    half = [f"results/pieces/long/{n}of4.h5" for n in (1, 3)]
    snakemake(folder, config, *half, "--notemp", project=project).succeeded()
    planned = plan(folder, config, *TARGETS, project=project).succeeded().jobs
    assert planned["extract_piece"] == 2
    snakemake(folder, config, *TARGETS, project=project).succeeded()
    assert described(folder / "results/features/long.h5") == described(
        whole / "results/features/long.h5"
    )


@pytest.mark.parametrize("chunk_minutes", [0, -1, "ten"])
def test_lengths_that_make_no_sense(videos, tmp_path, chunk_minutes):
    write_videos(tmp_path, videos)
    done = plan(tmp_path, write_config(tmp_path, {"features": {"chunk_minutes": chunk_minutes}}))
    assert done.code != 0 and "features.chunk_minutes" in done.text

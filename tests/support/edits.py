"""Edits of the code, and which rules run again for them."""

from pathlib import Path


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that stands in a file, once."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path}: {old}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


#: Of each room a line that computes, what it might become, and all rules that run it.
ARITHMETIC = {
    "core/timing": (
        "np.median(np.diff(time_s))", "np.mean(np.diff(time_s))",
        {
            "probe_video", "dump_frames", "summarise_counts", "segment_video", "build_clip_table",
            "plot_video", "render_page", "render_report",
        },
    ),
    "videos/selection": (
        "+ Fraction(1, 2)", "+ Fraction(1, 3)",
        {"dump_frames", "describe_frames", "export_images"},
    ),
    "confounds/pixels": ("np.int16) - previous", "np.int16) + previous", {"describe_frames"}),
    "features/moments": (
        "return 2 * draws - 1", "return 1 - 2 * draws", {"extract_features", "extract_piece"},
    ),
    "salience/decay": (
        "(self.tmax - self.tmin) / self.tau", "(self.tmax + self.tmin) / self.tau",
        {"accumulate_changes", "build_clip_table"},
    ),
    "segmentation/segments": ("// 2 + 1", "// 2 + 2", {"segment_video"}),
    "duration/folds": (
        "is_small_set(n_groups)", "is_small_set(n_groups + 1)", {"fit_duration_model"},
    ),
    "quality/notes": ("FEW * len(values)", "2 * FEW * len(values)", {"check_quality"}),
    "figures/matrices": ("squares / n - mean**2", "squares / n + mean**2", {"plot_video"}),
    "report/methods": ("left_out(", "sorted(left_out)(", {"render_report"}),
    # No job checks the config, foretells what jobs take, or looks at a folder or its results.
    "jobs/costs": ("(size / 224) ** 2", "(size / 224) ** 3", set()),
    "config/check": ("MAX_MESSAGE = 600", "MAX_MESSAGE = 601", set()),
    "survey/costs": ("seconds / 60", "seconds / 61", set()),
    "inventory/layout": ("import re\n", "import re\nimport time\n", set()),
    "verification/checks": ('"holds"', '"is right"', set()),
    "commands/demo": ("import ", "import time\nimport ", set()),
}  # fmt: skip

#: What no number depends on: words, locks, requests, the version and what is offered to users.
NO_NUMBER = {
    "errors": ("class UserError", "class Other(Exception): ...\nclass UserError"),
    "core/messages": ("did you mean {", "do you mean {"),
    "jobs/log": ("unexpected failure, please", "unexpected failure: please"),
    "jobs/locks": ("are taken by other jobs", "are in use by other jobs"),
    "jobs/resources": ("LEAST_MIN = 5", "LEAST_MIN = 6"),
    "__init__": ('__version__ = "', 'def public(): ...\n__version__ = "1'),
}  # fmt: skip

"""Building blocks of the report's pages: templates, numbers, figures and warnings."""

import base64
import io
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from urllib.parse import quote

import jinja2
import numpy as np
import yaml
from PIL import Image

from chronovision.core.files import write_text
from chronovision.core.labels import variant_label
from chronovision.report.captions import caption

#: Largest width and height of a WebP in pixels.
MAX_WEBP = 16383

UNTRAINED = (
    "UNTRAINED NETWORK: the weights are random. All numbers and figures show that the pipeline "
    "runs, and serve as a control; they say nothing of what a trained network responds to."
)


def render(output: str | PathLike, template: str, **values: object) -> None:
    """Write a page: a `template` of this package, filled with `values`, which are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": _number, "clock": _clock, "page": _page}
    environment.filters["label"] = variant_label
    write_text(output, environment.get_template(template).render(**values))


def _number(value: float | None, digits: int = 2) -> str:
    """Return a number with fixed decimals, without a sign before zero; n/a for None and NaN."""
    return "n/a" if value is None or np.isnan(value) else f"{value:z.{digits}f}"


def _clock(seconds: float | None) -> str:
    """Return a time as h:mm:ss.s, without hours if there are none."""
    if seconds is None or np.isnan(seconds):
        return "n/a"
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _page(video: str) -> str:
    """Return the address of a video's page, from the overview."""
    return quote(f"{video}.html")


def untrained_banner(network: Mapping, reason: str | None = None) -> str | None:
    """Return the warning for every page of untrained results; None if the network is trained."""
    if network["trained"]:
        return None
    return f"{UNTRAINED} Why: {reason}" if reason else UNTRAINED


def data_uri(data: bytes, kind: str) -> str:
    """Return a picture (``png``, ``jpeg``, ``webp``) as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def embedded_figure(name: str, path: str | PathLike) -> dict:
    """Return a figure for a page as lossless WebP: the same pixels in half the PNG's bytes."""
    smaller = io.BytesIO()
    with Image.open(path) as picture:
        if max(picture.size) > MAX_WEBP:
            return {"caption": caption(name), "uri": data_uri(Path(path).read_bytes(), "png")}
        picture.save(smaller, "WEBP", lossless=True, method=2)
    return {"caption": caption(name), "uri": data_uri(smaller.getvalue(), "webp")}


def as_yaml(value: Mapping) -> str:
    """Return settings as YAML, in their order."""
    # Through JSON, since Snakemake's config is made of subclasses of dict and list.
    plain = json.loads(json.dumps(value))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=90)

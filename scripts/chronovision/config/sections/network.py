"""Sections `network` and `features` of the config."""

from typing import Annotated, Literal

from pydantic import Field

from chronovision.config.fields import UNIQUE, Path, Section, key

BatchSize = Annotated[int, Field(ge=1, le=4096)]
Layer = Annotated[
    str, Field(max_length=100, pattern=r"^[A-Za-z0-9_.]+$", description="letters, digits, _ and .")
]


class Network(Section):
    """The network, its weights, and the layers of which the change is measured."""

    model: str = key(
        "vgg19",
        "name of a torchvision classification model: vgg19, vgg19_bn, vgg16, vgg16_bn, alexnet or "
        "any other",
        source="Simonyan & Zisserman 2015",
        min_length=1,
        max_length=100,
        pattern="^[A-Za-z0-9_]+$",
    )
    weights: Path = key(
        "imagenet",
        "imagenet, untrained, auto or the path of a state dict",
        details="`imagenet`: torchvision's. `untrained`: seeded at random. `auto`: ImageNet's if "
        "they can be had, else untrained with a warning everywhere. A [state "
        "dict](../docs/how-to.md#your-own-weights) may be bare or in a checkpoint.",
        source="torchvision",
    )
    layers: Annotated[list[Layer], UNIQUE] = key(
        ["pool1", "pool2", "pool3", "pool4", "pool5"],
        "names of layers whose change is measured",
        details="`conv4_2` `relu4_2` `pool4` `fc6` `fc7` `prob` and the like, or node names of "
        "other models.",
        source="the notebook: after each pooling",
        min_length=1,
    )
    keep_maps: Annotated[list[str], UNIQUE] = key(
        [],
        "names of layers whose full activation maps are stored",
        details="Several MB per frame for early layers.",
        source="ours",
    )
    maps_dtype: Literal["float16", "float32"] = key(
        "float16", "type of the numbers in the stored maps", source="ours"
    )
    device: Literal["auto", "cpu", "cuda"] = key(
        "auto",
        "what the network runs on",
        details="`auto`: CUDA if there is one; a job that was given a GPU must find it.",
        source="ours",
    )
    precision: Literal["float32", "bfloat16"] = key(
        "float32",
        "precision in which the network computes",
        details="Moments are summed in float64 either way.",
        source="ours",
    )
    batch_size: BatchSize | Literal["auto"] = key(
        "auto",
        "auto, or frames per forward pass",
        details="Does not change results on a CPU.",
        unit="frames",
        source="ours",
        shown="`auto` (8 on a CPU, 64 on CUDA)",
        why="memory",
    )


class Features(Section):
    """How the features of long videos are computed."""

    chunk_minutes: float | None = key(
        None,
        "minutes, or null for never: extract longer videos in pieces of this length",
        details="Length means the analysed part (`start_s` to `end_s`). Each piece is a job of its "
        "own; then they are joined. Does not change results.",
        unit="min",
        source="ours",
        shown="`null` (never)",
        ge=0.01,
        why="each piece is a job: a millionth of a minute would be millions of them",
    )

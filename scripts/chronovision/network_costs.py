"""What a network costs: one model for jobs and survey, which needs no PyTorch."""

from collections.abc import Mapping
from types import MappingProxyType

#: Operations of a whole network for a picture of 224 × 224, in 10⁹, as
#: `chronovision.operations.count_gflop` counts them: all of torchvision's classification models.
GFLOP: Mapping[str, float] = MappingProxyType(
    {
        "alexnet": 1.428,
        "convnext_base": 30.71,
        "convnext_large": 68.72,
        "convnext_small": 17.37,
        "convnext_tiny": 8.911,
        "densenet121": 5.668,
        "densenet161": 15.46,
        "densenet169": 6.72,
        "densenet201": 8.583,
        "efficientnet_b0": 0.7716,
        "efficientnet_b1": 1.139,
        "efficientnet_b2": 1.318,
        "efficientnet_b3": 1.925,
        "efficientnet_b4": 3.007,
        "efficientnet_b5": 4.713,
        "efficientnet_b6": 6.72,
        "efficientnet_b7": 10.34,
        "efficientnet_v2_l": 24.46,
        "efficientnet_v2_m": 10.72,
        "efficientnet_v2_s": 5.7,
        "googlenet": 2.997,
        "inception_v3": 5.676,
        "maxvit_t": 11.12,
        "mnasnet0_5": 0.2089,
        "mnasnet0_75": 0.431,
        "mnasnet1_0": 0.6288,
        "mnasnet1_3": 1.053,
        "mobilenet_v2": 0.6015,
        "mobilenet_v3_large": 0.4332,
        "mobilenet_v3_small": 0.113,
        "regnet_x_16gf": 31.88,
        "regnet_x_1_6gf": 3.206,
        "regnet_x_32gf": 63.47,
        "regnet_x_3_2gf": 6.353,
        "regnet_x_400mf": 0.8276,
        "regnet_x_800mf": 1.599,
        "regnet_x_8gf": 15.99,
        "regnet_y_128gf": 255,
        "regnet_y_16gf": 31.82,
        "regnet_y_1_6gf": 3.224,
        "regnet_y_32gf": 64.56,
        "regnet_y_3_2gf": 6.353,
        "regnet_y_400mf": 0.8037,
        "regnet_y_800mf": 1.668,
        "regnet_y_8gf": 16.95,
        "resnet101": 15.6,
        "resnet152": 23.03,
        "resnet18": 3.628,
        "resnet34": 7.327,
        "resnet50": 8.178,
        "resnext101_32x8d": 32.83,
        "resnext101_64x4d": 30.92,
        "resnext50_32x4d": 8.461,
        "shufflenet_v2_x0_5": 0.081,
        "shufflenet_v2_x1_0": 0.2898,
        "shufflenet_v2_x1_5": 0.5915,
        "shufflenet_v2_x2_0": 1.167,
        "squeezenet1_0": 1.638,
        "squeezenet1_1": 0.6983,
        "swin_b": 30.86,
        "swin_s": 17.48,
        "swin_t": 8.981,
        "swin_v2_b": 34.1,
        "swin_v2_s": 19.39,
        "swin_v2_t": 9.877,
        "vgg11": 15.22,
        "vgg11_bn": 15.22,
        "vgg13": 22.62,
        "vgg13_bn": 22.62,
        "vgg16": 30.94,
        "vgg16_bn": 30.94,
        "vgg19": 39.26,
        "vgg19_bn": 39.26,
        "vit_b_16": 35.13,
        "vit_b_32": 8.818,
        "vit_h_14": 380.2,
        "vit_l_16": 123.1,
        "vit_l_32": 30.76,
        "wide_resnet101_2": 45.51,
        "wide_resnet50_2": 22.8,
    }
)

#: Operations per second, in 10⁹, of one core in float32 as measured, and of a GPU as assumed:
#: VGG19 up to pool5 takes 0.34 s of the one and 10 ms of the other.
CORE_GFLOPS, GPU_GFLOPS = 115.0, 3900.0


def known_gflop(model: str) -> float:
    """Operations of a network whose layers have not been counted yet; see `GFLOP`."""
    # What torchvision does not have is refused by the first job that needs it.
    return GFLOP.get(model, max(GFLOP.values()))


def network_seconds(rows: int, size: int, gflop: float, gflops: float) -> float:
    """Seconds that the network takes for as many frames.

    Parameters
    ----------
    rows : frames.
    size : their height and width in pixels.
    gflop : operations for a picture of 224 × 224, in 10⁹; they grow with the area.
    gflops : operations per second of what runs the network, in 10⁹.
    """
    return rows * gflop * (size / 224) ** 2 / gflops

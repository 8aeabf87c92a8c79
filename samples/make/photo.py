"""samples/make/photo.py scan|photo|noise IN.png OUT - what happens to paper on its way into a computer.

scan:  turned by four degrees, grey paper, JPEG.   photo: held at an angle, light from one side, out of
focus at the edge, lying on its side with the Exif tag that says so.   noise: a few specks, for the fax.
Python imaging (Pillow, numpy); random numbers from a fixed seed.
"""
import sys

import numpy
from PIL import Image, ImageFilter

RANDOM = numpy.random.RandomState(20210303)


def noisy(image, sigma):
    a = numpy.asarray(image).astype(numpy.float32)
    return Image.fromarray(numpy.clip(a + RANDOM.normal(0, sigma, a.shape), 0, 255).astype(numpy.uint8))


def scan(source, target):
    page = Image.open(source).convert("L").rotate(4, resample=Image.BICUBIC, expand=False, fillcolor=255)
    page = page.point(lambda v: 18 + v * 222 // 255).filter(ImageFilter.GaussianBlur(0.5))
    noisy(page, 4).save(target, quality=50, dpi=(200, 200), optimize=True)


def photo(source, target):
    page = Image.open(source).convert("RGB")
    width, height = page.size
    table = Image.new("RGB", (int(width * 1.2), int(height * 1.15)), (92, 70, 52))
    # The corners of the picture in page coordinates: the far edge looks shorter.
    quad = (-0.10, -0.07, -0.08, 1.06, 1.12, 1.09, 1.07, -0.09)
    corners = [v * (width if i % 2 == 0 else height) for i, v in enumerate(quad)]
    sheet = page.convert("RGBA").transform(table.size, Image.PERSPECTIVE, coefficients(corners, table.size), Image.BICUBIC)
    table.paste(sheet, (0, 0), sheet)
    a = numpy.asarray(table.filter(ImageFilter.GaussianBlur(0.7))).astype(numpy.float32)
    y, x = numpy.mgrid[0:a.shape[0], 0:a.shape[1]]
    light = 1.0 - 0.45 * (x / a.shape[1]) ** 1.5 - 0.15 * (y / a.shape[0])
    a = a * light[:, :, None] * numpy.array([1.0, 0.97, 0.88], dtype=numpy.float32)
    shot = noisy(Image.fromarray(numpy.clip(a, 0, 255).astype(numpy.uint8)), 5)
    shot = shot.transpose(Image.ROTATE_90)  # the sensor lay on its side: orientation 6 turns it back
    exif = Image.Exif()
    exif[0x0112] = 6
    shot.save(target, quality=60, exif=exif, optimize=True)


def coefficients(corners, size):
    """Of the projection that takes the picture's corners (from the upper left, anticlockwise) to `corners`."""
    w, h = size
    rows, right = [], []
    for (x, y), (u, v) in zip(((0, 0), (0, h), (w, h), (w, 0)), zip(corners[::2], corners[1::2])):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return numpy.linalg.solve(numpy.array(rows, float), numpy.array(right, float)).tolist()


def noise(source, target):
    a = numpy.asarray(Image.open(source).convert("L").filter(ImageFilter.GaussianBlur(0.6))).copy()
    specks = RANDOM.random_sample(a.shape) < 0.0004
    a[specks] = 255 - a[specks]
    Image.fromarray(numpy.where(a < 140, 0, 255).astype(numpy.uint8)).convert("1").save(target, dpi=(200, 200))


{"scan": scan, "photo": photo, "noise": noise}[sys.argv[1]](*sys.argv[2:4])

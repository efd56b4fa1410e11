"""What is rendered is the same each time, and what is cropped has the shape and the range that training expects."""
import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data_sets import IGNORE, camvid, geotiff, landcover, membrane, scenes

SHAPES = {"camvid": (360, 480, 3, np.uint8), "membrane": (512, 512, 1, np.uint8), "landcover": (512, 512, 4, np.uint16)}


@pytest.fixture(scope="module")
def scene():
    return scenes.render([landcover.SEED, 1], 192)


def test_a_scene_is_the_same_each_time(scene):
    again = scenes.render([landcover.SEED, 1], 192)
    assert np.array_equal(scene[0], again[0]) and np.array_equal(scene[1], again[1])


def test_the_sample_is_the_renderers():
    """Up to a rounding of the last digit, which another processor may do otherwise."""
    folder = Path(__file__).parents[3] / "tests" / "assets"
    image, labels = scenes.render([landcover.SEED, landcover.SAMPLE])
    assert np.abs(landcover.read(folder / "orthophoto.tif").astype(int) - image).max() <= 1
    assert np.array_equal(np.asarray(Image.open(folder / "orthophoto.png")), labels)
    assert sorted(np.unique(labels)) == [*range(len(scenes.CLASSES)), IGNORE]
    assert np.array_equal((image == 0).all(-1), labels == IGNORE) and image[labels != IGNORE].min() > 0


def test_look_alikes_differ_in_the_infrared_only():
    for one, other in (("turf", "meadow"), ("green water", "broadleaf"), ("green paint", "meadow")):
        one, other = np.array(scenes.MATERIALS[one]), np.array(scenes.MATERIALS[other])
        assert np.abs(np.log(one / other))[:3].max() < 0.25 and abs(np.log(one / other)[3]) > 1


def test_a_geotiff_keeps_every_sample(scene, tmp_path):
    geotiff.write(tmp_path / "scene.tif", scene[0], 32632, (691200, 5335100), 0.5)
    assert np.array_equal(landcover.read(tmp_path / "scene.tif"), scene[0])


def test_gdal_reads_the_georeference(scene, tmp_path):
    gdal = pytest.importorskip("osgeo.gdal")
    geotiff.write(tmp_path / "scene.tif", scene[0], 32632, (691200, 5335100), 0.5)
    image = gdal.Open(str(tmp_path / "scene.tif"))
    assert np.array_equal(image.ReadAsArray().transpose(1, 2, 0), scene[0])
    assert image.GetGeoTransform() == (691200, 0.5, 0, 5335100, 0, -0.5)
    assert image.GetSpatialRef().GetAuthorityCode(None) == "32632" and image.GetRasterBand(4).GetNoDataValue() == 0
    assert image.GetRasterBand(4).GetColorInterpretation() == gdal.GCI_Undefined


@pytest.mark.parametrize("name", SHAPES)
def test_a_crop_has_the_configs_size(name):
    data = importlib.import_module("data_sets." + name)
    *shape, kind = SHAPES[name]
    rng = np.random.default_rng(0)
    image, labels = rng.integers(1, data.WHITE, shape).astype(kind), rng.integers(0, 2, shape[:2]).astype(np.uint8)
    pixels, truth = data.augment(image, labels, [96, 128], [0.1, 0.15], 20, rng)
    assert pixels.shape == (96, 128, shape[2]) and 0 <= pixels.min() and pixels.max() <= 1
    assert truth.shape in ((96, 128), (48, 64)) and set(np.unique(truth)) == {0, 1, IGNORE}  # zoomed out, a crop leaves the frame
    assert data.normalise(pixels[None]).shape == (1, shape[2], 96, 128)


def test_void_labels_have_no_data_in_a_crop(scene):
    image, labels = scene[0].copy(), scene[1].copy()
    image[:, :60], labels[:, :60] = 0, IGNORE
    pixels, truth = landcover.augment(image, labels, [96, 96], [1, 1], 0, np.random.default_rng(0))
    missing = (pixels == 0).all(-1)
    assert missing.any() and (landcover.normalise(pixels[None])[0].numpy()[:, missing] == 0).all()
    assert not missing[::2, ::2][truth != IGNORE].all()


def test_membranes_of_held_back_slices_are_never_trained_on(tmp_path):
    for split, number in (("train", 0), ("train", 4), ("val", 22)):
        for kind in ("images", "labels"):
            folder = tmp_path / "source" / split / kind
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{number}.png"), np.full((8, 8), 0 if number else 255, np.uint8))
    membrane.prepare(tmp_path / "source", tmp_path / "out")
    labels = {path.parts[-3]: cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (tmp_path / "out").glob("*/labels/*.png")}
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").glob("*/images/*")} == {
        "held-back/images/0.png", "train/images/4.png", "val/images/22.png"}
    assert (labels["held-back"] == 0).all() and (labels["train"] == 1).all()  # 255 is a cell, 0 a membrane


def test_every_config_names_its_data():
    for config in (Path(__file__).parents[1] / "configs").glob("*.json"):
        manifest = importlib.import_module("data_sets." + json.loads(config.read_text())["data"]).MANIFEST
        assert len(manifest["preprocess"]["mean"]) == len(manifest["preprocess"]["std"])


def test_the_middle_fifth_of_each_drive_is_held_back(tmp_path):
    for split, drives in (("train", {"a": 10, "b": 5}), ("val", {"b": 2})):
        for kind, ending in (("images", "jpg"), ("labels", "png")):
            (tmp_path / split / kind).mkdir(parents=True)
            for drive, frames in drives.items():
                for frame in range(frames):
                    (tmp_path / split / kind / f"{drive}_{frame:03}.{ending}").write_text(f"{split} {kind} {drive} {frame}")
    camvid.prepare(tmp_path, tmp_path / "out")
    found = {split: sorted(p.stem for p in (tmp_path / "out" / split / "images").iterdir()) for split in ("train", "held-back", "val")}
    assert found["held-back"] == ["a_004", "a_005", "b_002"]
    assert found["val"] == ["b_000", "b_001"] and len(found["train"]) == 12
    assert (tmp_path / "out" / "held-back" / "labels" / "b_002.png").read_text() == "train labels b 2"


@pytest.mark.parametrize("stride", [1, 2])
def test_labels_have_a_pixel_for_each_stride(stride):
    label = np.repeat(np.repeat(np.arange(90 * 120, dtype=np.uint8).reshape(90, 120) % 11, 4, 0), 4, 1)
    image = np.repeat(label[..., None] * np.uint8(20), 3, 2)
    cropped, labels = camvid.augment(image, label, [180, 240], [1, 1], 0, np.random.default_rng(3), label_stride=stride)
    assert cropped.shape == (180, 240, 3) and labels.shape == (180 // stride, 240 // stride)

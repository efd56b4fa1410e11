"""Tests of the script's parts that need no server: python3 -m unittest, with QGIS or without it."""
import contextlib
import importlib
import json
import os
import sys
import tempfile
import types
import unittest
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


class Stub(types.ModuleType):
    """A module that has every name: enough to load the script without QGIS."""

    def __getattr__(self, name):
        return type(name, (), {})


try:
    from qgis.core import QgsApplication
except ImportError:
    QgsApplication = None
    for module in ("qgis", "qgis.core", "qgis.PyQt", "qgis.PyQt.QtCore", "qgis.PyQt.QtGui", "qgis.PyQt.QtNetwork"):
        sys.modules[module] = Stub(module)
    with contextlib.suppress(ImportError):
        importlib.import_module("osgeo.gdal")
    if "osgeo" not in sys.modules:
        sys.modules["osgeo"] = Stub("osgeo")
script = importlib.import_module("inference_server_segment")


class AddressTests(unittest.TestCase):
    def test_values_left_out_are_the_manifests(self):
        values = {"FORMAT": "geotiff", "BANDS": "", "MODE": None, "CONFIDENCE": False, "HALO": ""}
        self.assertEqual(
            "http://localhost:8080/v1/segment?format=geotiff", script.address(" http://localhost:8080/ ", "", values))

    def test_values_are_escaped(self):
        values = {
            "FORMAT": "cog", "BANDS": "4,3,2", "VALUE_SCALING": "clip:0,3000;scale:3000", "CONFIDENCE": True, "MODE": "slide",
            "RESIZE": "none", "CROP": "512x256", "HALO": 0, "BLEND": "hann"}
        self.assertEqual(
            "https://host/prefix/v1/segment/land%20%26%2Fsea?format=cog&bands=4%2C3%2C2"
            "&value_scaling=clip%3A0%2C3000%3Bscale%3A3000&confidence=true&mode=slide&resize=none&crop=512x256&halo=0"
            "&blend=hann",
            script.address("https://host/prefix/", "land &/sea", values))

    def test_further_parameters_are_added_and_win(self):
        self.assertEqual(
            "http://a/v1/segment/m?format=geotiff&crop=256&timeout=120000&flip=true",
            script.address("http://a", "m", {"FORMAT": "geotiff", "CROP": "512"}, "timeout=120000&flip=true&crop=256"))


class RetryTests(unittest.TestCase):
    def test_refusals_of_load_are_repeated_after_the_servers_time(self):
        self.assertEqual(3, script.wait_before_retry(429, "3", 0))
        self.assertEqual(0, script.wait_before_retry(503, "0", 4))
        self.assertEqual(1, script.wait_before_retry(502, "1", 0))

    def test_without_a_time_the_wait_doubles(self):
        self.assertEqual([0.2, 0.4, 0.8, 1.6, 3.2], [script.wait_before_retry(503, None, i) for i in range(5)])
        self.assertEqual(0.2, script.wait_before_retry(429, "Fri, 31 Dec 2027 23:59:59 GMT", 0))

    def test_other_answers_are_final(self):
        self.assertIsNone(script.wait_before_retry(429, "31", 0))
        self.assertIsNone(script.wait_before_retry(429, "1", script.RETRIES))
        self.assertIsNone(script.wait_before_retry(413, "1", 0))
        self.assertIsNone(script.wait_before_retry(0, None, 0))


class ProblemTests(unittest.TestCase):
    def test_problem_is_title_and_detail(self):
        body = json.dumps({"title": "Not Found", "detail": "There is no model 'ü'.", "status": 404}).encode()
        self.assertEqual("The server answered 404. Not Found: There is no model 'ü'.", script.problem(404, body))

    def test_other_bodies_are_shown_as_they_are(self):
        self.assertEqual("The server answered 502. <html>bad gateway", script.problem(502, b"<html>bad gateway\n"))
        self.assertEqual("The server answered 500. [1]", script.problem(500, b"[1]"))
        self.assertEqual("The server answered 500.", script.problem(500, b""))


def setUpModule():
    if QgsApplication is not None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        os.environ["GDAL_PAM_ENABLED"] = "NO"  # else QGIS writes statistics beside the images
        global application  # QGIS ends with it
        application = QgsApplication([], False)
        application.initQgis()


@unittest.skipIf(QgsApplication is None, "python3 has no module qgis.core")
class CopyTests(unittest.TestCase):
    def setUp(self):
        self.image = str(HERE.parent.parent / "tests" / "assets" / "geo" / "no-crs.tif")

    def copy(self, layer):
        """What a copy of a layer has: system, geotransform and values."""
        from osgeo import gdal
        from qgis.core import QgsProcessingContext, QgsProcessingFeedback
        algorithm = script.SegmentRaster()
        self.assertIsNone(script.own_file(layer))
        algorithm.own_file, algorithm.source, algorithm.system = None, layer.source(), layer.crs()
        algorithm.provider = layer.dataProvider().clone()
        file = gdal.Open(algorithm.write_copy(QgsProcessingContext(), QgsProcessingFeedback()))
        return file.GetSpatialRef().GetAuthorityCode(None), file.GetGeoTransform(), file.ReadAsArray()

    def test_system_given_in_qgis_is_in_the_copy(self):
        from osgeo import gdal
        from qgis.core import QgsCoordinateReferenceSystem, QgsRasterLayer
        layer = QgsRasterLayer(self.image, "image")
        self.assertEqual(self.image, script.own_file(layer))
        layer.setCrs(QgsCoordinateReferenceSystem("EPSG:2154"))
        code, place, values = self.copy(layer)
        self.assertEqual(("2154", (100, 2, 0, 200, 0, -2)), (code, place))
        self.assertEqual(gdal.Open(self.image).ReadAsArray().tolist(), values.tolist())

    def test_layer_of_another_provider_keeps_its_values(self):
        from osgeo import gdal
        from qgis.core import QgsRasterLayer
        layer = QgsRasterLayer(
            f"?crs=EPSG:32633&extent=100,136,196,200&width=48&height=32&formula=%22a@2%22 * 100.5&a:uri={self.image}&a:provider=gdal",
            "formula", "virtualraster")
        self.assertTrue(layer.isValid())
        code, place, values = self.copy(layer)
        self.assertEqual(("32633", (100, 2, 0, 200, 0, -2)), (code, place))
        self.assertEqual((gdal.Open(self.image).ReadAsArray()[1] * 100.5).tolist(), values.tolist())


@unittest.skipIf(QgsApplication is None, "python3 has no module qgis.core")
class StyleTests(unittest.TestCase):
    def styled(self, bands, metadata, palette):
        """Class values, names and colours of a layer of a file with these, after the post-processor."""
        from osgeo import gdal
        from qgis.core import QgsRasterLayer
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "mask.tif")
        file = gdal.GetDriverByName("GTiff").Create(path, 4, 3, bands)
        file.SetMetadata(metadata)
        if palette:
            table = gdal.ColorTable()
            for index, color in enumerate(palette):
                table.SetColorEntry(index, color)
            file.GetRasterBand(1).SetRasterColorTable(table)
        file = None
        layer = QgsRasterLayer(path, "mask")
        script.Style(script.legend(path)).postProcessLayer(layer, None, None)
        return [(entry.value, entry.label, entry.color.name()) for entry in layer.renderer().classes()]

    def test_palette_file_has_names_in_its_legend(self):
        self.assertEqual(
            [(0, "road", "#804080"), (1, "sky", "#0080ff")],
            self.styled(1, {"CLASS_0": "road", "CLASS_1": "sky"}, [(128, 64, 128, 255), (0, 128, 255, 255), (9, 9, 9, 255)]))

    def test_file_with_confidence_has_colors_of_its_metadata(self):
        metadata = {"CLASS_0": "road", "COLOR_0": "#804080", "CLASS_1": "sky", "COLOR_1": "#0080ff"}
        self.assertEqual([(0, "road", "#804080"), (1, "sky", "#0080ff")], self.styled(2, metadata, None))


if __name__ == "__main__":
    if sys.argv[1:] == ["--words"]:  # for the test that compares them with the server's
        print(json.dumps({
            "parameters": script.REQUEST_PARAMETERS, "format": script.FORMATS, "mode": script.MODES,
            "resize": script.RESIZES, "blend": script.BLENDS}))
    else:
        unittest.main()

"""QGIS Processing script: sends a raster layer to an InferenceServer and adds the mask, in the model's colours.

Needs QGIS 3.22 or later and nothing else. README.md beside this file says how to install and run it.
"""
import contextlib
import json
import os
import time
from urllib.parse import parse_qsl, quote, urlencode

from osgeo import gdal
from qgis.core import (
    Qgis, QgsCoordinateReferenceSystem, QgsNetworkAccessManager, QgsPalettedRasterRenderer, QgsProcessingAlgorithm,
    QgsProcessingException, QgsProcessingLayerPostProcessorInterface, QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition, QgsProcessingParameterEnum, QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination, QgsProcessingParameterRasterLayer, QgsProcessingParameterString,
    QgsProcessingUtils, QgsRasterBlockFeedback, QgsRasterFileWriter, QgsRasterInterface, QgsRasterPipe)
from qgis.PyQt.QtCore import QBuffer, QEventLoop, QFile, QIODevice, QTimer, QUrl
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtNetwork import QNetworkReply, QNetworkRequest

# Most retries of a request that a full or loading server, or a proxy without a server, refused, and the longest wait before one, in seconds. Where
# the server asks for a longer wait, as after a used-up quota, its error is shown.
RETRIES, LONGEST_WAIT = 5, 30
# What a server answers without reading the image: key, scope, model and load.
BEFORE_THE_BODY = (401, 403, 404, 429, 503)
TOO_LARGE = " while the file was sent. The server may allow smaller files only (Decoding:MaxBytes)."
FORMATS = ["geotiff", "cog"]
MODES = ["whole", "slide"]
RESIZES = ["model", "none"]
BLENDS = ["uniform", "hann", "gaussian"]

# The request parameters that a parameter of the algorithm sets, in the order of the query.
REQUEST_PARAMETERS = {
    "FORMAT": "format", "BANDS": "bands", "VALUE_SCALING": "value_scaling", "CONFIDENCE": "confidence", "MODE": "mode",
    "RESIZE": "resize", "CROP": "crop", "HALO": "halo", "BLEND": "blend"}


def address(server, model, values, further=""):
    """The URL of a request.

    values: by the names of REQUEST_PARAMETERS; None, "" and False are left out, so that the manifest's value applies.
    further: more request parameters, as in a query: name=value&name=value.
    """
    query = {}
    for name, parameter in REQUEST_PARAMETERS.items():
        value = values.get(name)
        if value is True:
            value = "true"
        if value is not None and value is not False and value != "":
            query[parameter] = value
    for name, value in parse_qsl(further, keep_blank_values=True):
        query[name] = value
    path = "/v1/segment"
    if model:
        path += "/" + quote(model, safe="")
    return server.strip().rstrip("/") + path + "?" + urlencode(query, quote_via=quote)


def wait_before_retry(status, retry_after, attempt):
    """Seconds until an attempt may be repeated; None where the answer is final.

    retry_after: the header's text, or None. attempt: 0 for the first.
    """
    if status not in (429, 502, 503) or attempt >= RETRIES:
        return None
    try:
        seconds = max(0, int(retry_after))
    except (TypeError, ValueError):  # absent, or a date: only a proxy writes these
        return min(0.2 * 2 ** attempt, LONGEST_WAIT)
    return seconds if seconds <= LONGEST_WAIT else None


def problem(status, body):
    """What a refusal says: title and detail of a problem document, else the beginning of the body."""
    said = [body.decode("utf-8", "replace").strip()[:500]]
    with contextlib.suppress(ValueError):
        document = json.loads(body)
        if isinstance(document, dict):
            said = [str(document[member]) for member in ("title", "detail") if document.get(member)]
    return f"The server answered {status}. {': '.join(said)}".strip()


def legend(path):
    """The classes of an answer: index, name and colour (#rrggbb), from the file's metadata and colour table."""
    file = gdal.Open(path)
    if file is None:
        return []
    metadata, table = file.GetMetadata(), file.GetRasterBand(1).GetColorTable()
    classes = []
    while f"CLASS_{len(classes)}" in metadata:
        index = len(classes)
        color = metadata.get(f"COLOR_{index}")
        if table is not None:
            color = "#%02x%02x%02x" % table.GetColorEntry(index)[:3]
        classes.append((index, metadata[f"CLASS_{index}"], color))
    return [entry for entry in classes if entry[2]]


def own_file(layer):
    """The path of a layer's file where that is a local GeoTIFF which says by itself where the layer lies; else None.

    A side file, such as a world file, or a system that the user gave the layer, would not reach the server.
    """
    path = layer.source()
    if layer.dataProvider().name() != "gdal" or not os.path.isfile(path):
        return None
    if gdal.IdentifyDriver(path).ShortName != "GTiff":
        return None
    inside, seen = gdal.OpenEx(path, open_options=["GEOREF_SOURCES=INTERNAL"]), gdal.Open(path)
    if inside is None or inside.GetGeoTransform() != seen.GetGeoTransform():
        return None
    system = QgsCoordinateReferenceSystem.fromWkt(inside.GetProjection() or inside.GetGCPProjection())
    return path if system == layer.crs() else None


class Style(QgsProcessingLayerPostProcessorInterface):
    """Gives the added layer the classes' names and colours."""

    alive = []  # QGIS keeps no reference, and calls after the algorithm is gone

    def __init__(self, classes):
        super().__init__()
        self.classes = classes
        self.alive.append(self)

    def postProcessLayer(self, layer, context, feedback):
        classes = [QgsPalettedRasterRenderer.Class(index, QColor(color), name) for index, name, color in self.classes]
        layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))
        layer.emitStyleChanged()


class Answer:
    """Status, headers (by their lower-case names) and error of an exchange; the body where the status is not 200."""

    def __init__(self, reply, body):
        self.status = reply.attribute(QNetworkRequest.HttpStatusCodeAttribute) or 0
        self.headers = {
            bytes(name).decode("latin-1").lower(): bytes(value).decode("latin-1") for name, value in reply.rawHeaderPairs()}
        self.error = "" if reply.error() == QNetworkReply.NoError else reply.errorString()
        self.body = body


def post(url, key, source, part, feedback):
    """Posts what a QIODevice holds and writes the body of an answer 200 to an open file; both are streamed.

    By QGIS's own network access, so that its proxy and certificates apply. Cancelling closes the connection, and the
    server stops working on the image. Returns an Answer.
    """
    request = QNetworkRequest(QUrl.fromEncoded(url.encode()))
    request.setHeader(QNetworkRequest.ContentTypeHeader, "image/tiff")
    if key:
        request.setRawHeader(b"Authorization", b"Bearer " + key.encode())
    source.open(QIODevice.ReadOnly)
    loop, poll, body = QEventLoop(), QTimer(), bytearray()
    reply = QgsNetworkAccessManager.instance().post(request, source)
    # QGIS ends an exchange after a minute of silence; the server has its own timeout, and a mask may take longer.
    silence = reply.findChild(QTimer, "timeoutTimer")
    if silence is not None:
        silence.timeout.disconnect()

    def read():
        data = bytes(reply.readAll())
        if reply.attribute(QNetworkRequest.HttpStatusCodeAttribute) == 200:
            part.write(data)
        else:
            body.extend(data)

    def sent(done, total):
        if total > 0:
            feedback.setProgress(50 * done / total)

    def received(done, total):
        if total > 0:
            feedback.setProgress(50 + 50 * done / total)

    def stop_if_cancelled():
        if feedback.isCanceled():
            reply.abort()

    reply.uploadProgress.connect(sent)
    reply.downloadProgress.connect(received)
    reply.readyRead.connect(read)
    reply.finished.connect(loop.quit)
    poll.timeout.connect(stop_if_cancelled)
    poll.start(100)
    if not reply.isFinished():
        loop.exec_()
    poll.stop()
    if not feedback.isCanceled():
        read()
    answer = Answer(reply, bytes(body))
    reply.deleteLater()
    source.close()
    return answer


class SegmentRaster(QgsProcessingAlgorithm):
    """The algorithm: parameters, the layer's file, the request, the mask."""

    INPUT, SERVER, MODEL, KEY, FURTHER, OUTPUT = "INPUT", "SERVER", "MODEL", "KEY", "FURTHER", "OUTPUT"

    def name(self):
        return "inference_server_segment"

    def displayName(self):
        return "Segment a raster with InferenceServer"

    def group(self):
        return "InferenceServer"

    def groupId(self):
        return "inferenceserver"

    def shortHelpString(self):
        return (
            "Sends a raster layer to an InferenceServer and adds the class of every pixel as a raster in the model's "
            "colours, at the layer's own resolution and place.\n\n"
            "Model: empty takes the server's default.\n"
            "API key: empty takes the environment variable INFERENCE_SERVER_KEY. QGIS keeps what you type in its "
            "history.\n"
            "Bands: numbers of the layer's bands that the network sees, such as 4,3,2.\n"
            "Value scaling: steps from the layer's values to the network's, such as min-max:0,3000.\n"
            "Mode: slide runs large layers in overlapping tiles.\n"
            "What you leave empty is as the model's manifest has it.")

    def createInstance(self):
        return SegmentRaster()

    def initAlgorithm(self, configuration=None):
        def text(name, description, default=None, optional=True):
            return QgsProcessingParameterString(name, description, defaultValue=default, optional=optional)

        def word(name, description, words, default=None):
            return QgsProcessingParameterEnum(
                name, description, options=words, defaultValue=default, optional=default is None, usesStaticStrings=True)

        self.addParameter(QgsProcessingParameterRasterLayer(self.INPUT, "Raster layer"))
        self.addParameter(text(self.SERVER, "Server", "http://localhost:8080", optional=False))
        self.addParameter(text(self.MODEL, "Model"))
        self.addParameter(text(self.KEY, "API key"))
        self.addParameter(text("BANDS", "Bands"))
        self.addParameter(text("VALUE_SCALING", "Value scaling"))
        self.addParameter(QgsProcessingParameterBoolean("CONFIDENCE", "Add the confidence as a second band", defaultValue=False))
        for advanced in (
                word("FORMAT", "Format of the file", FORMATS, FORMATS[0]),
                word("MODE", "Mode", MODES),
                word("RESIZE", "Resize", RESIZES),
                text("CROP", "Crop: size of a tile, a side or WIDTHxHEIGHT"),
                QgsProcessingParameterNumber("HALO", "Halo: pixels cut from each side of a tile", minValue=0, optional=True),
                word("BLEND", "Blend: weights where tiles overlap", BLENDS),
                text(self.FURTHER, "Further parameters of the request, such as timeout=120000&flip=true")):
            advanced.setFlags(advanced.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
            self.addParameter(advanced)
        self.addParameter(QgsProcessingParameterRasterDestination(self.OUTPUT, "Mask"))

    def checkParameterValues(self, parameters, context):
        server = self.parameterAsString(parameters, self.SERVER, context).strip()
        if not server.lower().startswith(("http://", "https://")):
            return False, f"Server: expected an address such as http://localhost:8080, got '{server}'."
        output = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        if not output.lower().endswith((".tif", ".tiff")):
            return False, f"Mask: expected a file that ends in .tif, got '{output}'. The server answers with a GeoTIFF."
        return super().checkParameterValues(parameters, context)

    def prepareAlgorithm(self, parameters, context, feedback):
        # Layers belong to the main thread, which this method runs in; the work below has a thread of its own.
        layer = self.parameterAsRasterLayer(parameters, self.INPUT, context)
        self.own_file, self.source, self.system = own_file(layer), layer.source(), layer.crs()
        self.provider = layer.dataProvider().clone()
        return True

    def processAlgorithm(self, parameters, context, feedback):
        output = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        path = self.own_file or self.write_copy(context, feedback)
        if path is None:  # cancelled
            return {}
        answer = self.request(self.url(parameters, context), self.key(parameters, context), path, output, feedback)
        if answer is None:
            return {}
        feedback.pushInfo(f"Classes by {answer.headers.get('x-model')} {answer.headers.get('x-model-version')}")
        classes = legend(output)
        if classes and context.willLoadLayerOnCompletion(output):
            context.layerToLoadOnCompletionDetails(output).setPostProcessor(Style(classes))
        return {self.OUTPUT: output}

    def url(self, parameters, context):
        values = {name: self.parameterAsString(parameters, name, context) for name in REQUEST_PARAMETERS}
        values["CONFIDENCE"] = self.parameterAsBool(parameters, "CONFIDENCE", context)
        return address(
            self.parameterAsString(parameters, self.SERVER, context),
            self.parameterAsString(parameters, self.MODEL, context).strip(), values,
            self.parameterAsString(parameters, self.FURTHER, context))

    def key(self, parameters, context):
        key = self.parameterAsString(parameters, self.KEY, context).strip()
        return key or os.environ.get("INFERENCE_SERVER_KEY", "").strip()

    def write_copy(self, context, feedback):
        """Writes the layer to a GeoTIFF with its values as they are; returns its path, None where cancelled."""
        path = QgsProcessingUtils.generateTempFilename("layer.tif")
        options = ["COMPRESS=DEFLATE", "TILED=YES", "BIGTIFF=IF_SAFER"]
        feedback.pushInfo("The layer is no GeoTIFF file with a georeference of its own: a copy is sent.")
        if self.provider.name() == "gdal":
            gdal.Translate(
                path, self.source, format="GTiff", outputSRS=self.system.toWkt() or None, creationOptions=options,
                callback=lambda done, message, data: int(not feedback.isCanceled()))
        else:
            if self.provider.xSize() == 0:
                raise QgsProcessingException(
                    "The layer has no size in pixels, as a web map has none. Export it with the resolution that the network "
                    "expects (Layer > Save As), and segment the file.")
            # GDAL takes a fourth band of bytes for transparency unless told otherwise.
            if self.provider.bandCount() == 4 and self.provider.colorInterpretation(4) != QgsRasterInterface.AlphaBand:
                options.append("ALPHA=NO")
            pipe, writer, blocks = QgsRasterPipe(), QgsRasterFileWriter(path), QgsRasterBlockFeedback()
            feedback.canceled.connect(blocks.cancel)
            pipe.set(self.provider)
            writer.setOutputFormat("GTiff")
            writer.setCreateOptions(options)
            writer.writeRaster(
                pipe, self.provider.xSize(), self.provider.ySize(), self.provider.extent(), self.system,
                context.transformContext(), blocks)
        if feedback.isCanceled():
            return None
        if gdal.Open(path) is None:
            raise QgsProcessingException(f"The layer cannot be written as a GeoTIFF: {gdal.GetLastErrorMsg()}")
        return path

    def request(self, url, key, path, output, feedback):
        """Sends the file until the server takes it, and writes its answer; None where cancelled."""
        part = output + ".part"
        try:
            for attempt in range(RETRIES + 1):
                feedback.setProgressText(f"Sending {os.path.getsize(path) / 1e6:.1f} MB to {url}")
                with open(part, "wb") as file:
                    answer = post(url, key, QFile(path), file, feedback)
                    if answer.status == 0:
                        # Qt misses an answer that comes while the file is sent, so ask again with an empty body.
                        refusal = post(url, key, QBuffer(), file, feedback)
                        if refusal.status in BEFORE_THE_BODY:
                            answer = refusal
                        elif refusal.status != 0:
                            answer.error += TOO_LARGE
                if feedback.isCanceled():
                    return None
                if answer.status == 200 and not answer.error:
                    os.replace(part, output)
                    return answer
                seconds = wait_before_retry(answer.status, answer.headers.get("retry-after"), attempt)
                if seconds is None:
                    break
                feedback.pushInfo(problem(answer.status, answer.body) + f" Sent again in {seconds:g} s.")
                until = time.monotonic() + seconds
                while time.monotonic() < until and not feedback.isCanceled():
                    time.sleep(0.05)
                if feedback.isCanceled():
                    return None
            if answer.status in (0, 200):
                raise QgsProcessingException(f"{url}: {answer.error}")
            raise QgsProcessingException(problem(answer.status, answer.body))
        finally:
            if os.path.exists(part):
                os.remove(part)

"""Adds masks to a data set of FiftyOne: python fiftyone_segment.py http://localhost:8080 DATASET [FIELD]
Samples that have a mask are skipped. The key, where the server needs one, is the environment variable INFERENCE_SERVER_KEY."""
import io, json, os, sys, time, urllib.error, urllib.request

import fiftyone as fo
import numpy as np
from PIL import Image

KEY = os.environ.get("INFERENCE_SERVER_KEY")


def ask(url, body=None):
    """Headers and body of an answer, once the server has room."""
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, {"X-API-Key": KEY} if KEY else {})) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            if error.code not in (429, 502, 503):
                raise SystemExit(f"{url}: {error.code} {error.read().decode(errors='replace')}")
            wait = error.headers["Retry-After"] or ""
            seconds = int(wait) if wait.isdigit() else 1  # full, loading or restarting: it says when to come again; a proxy may not
            print(f"{error.code}, again in {seconds} s", flush=True)
            time.sleep(seconds)


def segment(dataset, server, field="inference_server"):
    """Adds a mask to each sample without one, and the names of the classes to the data set."""
    model = None
    for sample in dataset.iter_samples(autosave=True):
        if sample.has_field(field) and sample[field] is not None:
            continue
        with open(sample.filepath, "rb") as image:
            headers, mask = ask(f"{server}/v1/segment?format=png", image.read())
        model = headers["X-Model"]
        indices = np.array(Image.open(io.BytesIO(mask)))  # the palette's indices are the classes; with more than 256 classes, 16-bit grey
        sample[field] = fo.Segmentation(mask=indices)
        print(f"{sample.filepath}: {indices.shape[1]} × {indices.shape[0]} by {model}", flush=True)
    if model:
        _, description = ask(f"{server}/v1/models/{model}")
        dataset.mask_targets[field] = {of["index"]: of["name"] for of in json.loads(description)["classes"]}
        dataset.save()


if __name__ == "__main__":
    segment(fo.load_dataset(sys.argv[2]), sys.argv[1], *sys.argv[3:])

"""A small result of `cipa predict`, and a client of the workbench's server that holds the token."""

import base64
import gzip
import json

import nibabel
import numpy as np
from starlette.testclient import TestClient

from cipa.inference.inputs import read_input
from cipa.inference.measure import measure_labels
from cipa.inference.save import write_labels
from cipa.io.location_cache import remember_location
from cipa.io.studies import find_studies
from cipa.view.app import create_app
from cipa.view.studies import StudyFinder
from cipa.view.workbench import Workbench

TOKEN, PORT, TAB = "right-token", 8123, "tab-one"

LESIONS = ((slice(20, 24), slice(5, 8), slice(3, 4)), (slice(2, 4), slice(20, 22), slice(1, 3)))
"""Of 12 and 8 voxels, on the CT's own axes; the first is hot."""


def lesion_labels(shape, boxes=LESIONS):
    labels = np.zeros(shape, np.uint16)
    for number, box in enumerate(boxes, start=1):
        labels[box] = number
    return labels


def make_result(study, out, boxes=LESIONS, objects=("seg", "sr"), facts=None):
    """Write a result as `cipa predict` would, and remember where its study lies."""
    pair = read_input(study)
    labels = lesion_labels(pair.ct.shape, boxes).astype(np.uint16)
    facts = {"model": {"name": "CIPA nano"}, "threshold": 0.5} if facts is None else facts
    measure_labels(labels, pair, facts).save(out, (write_labels,), objects=objects)
    remember_location(find_studies(study)[0])
    return out


class Client:
    """The page, as far as the server can tell."""

    def __init__(self, root, given=None, page=None):
        self.ended = []
        self.workbench = Workbench(root, StudyFinder(given))
        pages = {} if page is None else {"page": page}
        app = create_app(self.workbench, TOKEN, PORT, lambda: self.ended.append(True), **pages)
        self.http = TestClient(app, base_url=f"http://127.0.0.1:{PORT}", headers={"X-Cipa-Token": TOKEN})

    def get(self, path, **more):
        return self.http.get(path, **more)

    @property
    def key(self):
        return self.get("/api/results").json()[0]["id"]

    def url(self, what=""):
        return f"/api/results/{self.key}" + (f"/{what}" if what else "")

    def describe(self):
        answer = self.get(self.url())
        assert answer.status_code == 200, answer.text
        return answer.json()

    def labels(self, query=""):
        """Return the labels as (z, y, x), the bytes' own order."""
        answer = self.get(self.url("mask.nii") + query)
        assert answer.status_code == 200, answer.text
        return voxels(answer.content)

    def send(self, labels, what="save", revision=0, tab=TAB, edits=None, **headers):
        headers = {"X-Cipa-Revision": str(revision), "X-Cipa-Tab": tab} | headers
        if edits is not None:
            headers["X-Cipa-Edits"] = base64.b64encode(json.dumps(edits).encode()).decode()
        body = (
            labels if isinstance(labels, bytes) else gzip.compress(np.ascontiguousarray(labels).tobytes(), 1)
        )
        call = self.http.post if what == "save" else self.http.put
        return call(self.url(what), content=body, headers=headers)


def image(content):
    return nibabel.Nifti1Image.from_bytes(content)


def voxels(content):
    return np.asarray(image(content).dataobj).transpose()

"""Strangers get nothing, nothing that is sent breaks anything, nothing outside a result is served."""

import base64
import gzip
import json
import random

import numpy as np
import pytest

from cipa.view.labels import unpack_labels
from cipa.view.page_order import PageGrid
from cipa.view.refusal import Refusal
from view_client import PORT, Client, lesion_labels

EVERY = [
    ("GET", "/api/results"),
    ("GET", "{}"),
    ("GET", "{}/ct.nii"),
    ("GET", "{}/pet.nii.gz"),
    ("GET", "{}/mask.nii"),
    ("GET", "{}/mip/0.png"),
    ("PUT", "{}/autosave"),
    ("DELETE", "{}/autosave"),
    ("POST", "{}/save"),
    ("POST", "/api/quit"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("site")
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><p>the page")
    (folder / "viewer.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.js").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture(scope="module")
def site(made, page):
    """A server of which nothing is changed."""
    return Client(made / "result", page=page)


@pytest.mark.parametrize("token", ["", "wrong", "right-token ", "Right-Token", "ü"])
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_a_wrong_token_gets_nothing(site, method, path, token):
    headers = {"X-Cipa-Token": token.encode()}
    answer = site.http.request(method, path.format(site.url()), headers=headers)
    assert answer.status_code == 403
    assert "token" in answer.json()["error"]
    assert site.ended == []


@pytest.mark.parametrize(
    "query", ["", "?token=", "?token=wrong", "?Token=right-token", "?token=right-token%00"]
)
def test_the_page_without_its_token_says_what_to_do(site, query):
    answer = site.get(f"/{query}")
    assert answer.status_code == 403
    assert "Open the address" in answer.text


def test_the_page_comes_with_its_token(site):
    answer = site.get("/?token=right-token")
    assert answer.status_code == 200
    assert "the page" in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "[::1]", ""]
)
@pytest.mark.parametrize("path", ["/?token=right-token", "/assets/viewer.js", "/api/results"])
def test_another_host_is_refused(site, host, path):
    answer = site.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "127.0.0.1" in answer.json()["error"]


def test_localhost_will_do(site):
    assert site.get("/api/results", headers={"Host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_others_are_refused(site, headers):
    assert site.get("/api/results", headers=headers).status_code == 403
    assert "access-control-allow-origin" not in site.get("/api/results", headers=headers).headers


@pytest.mark.parametrize(
    "path", ["/?token=right-token", "/?token=no", "/assets/viewer.js", "/api/results", "/nothing"]
)
def test_every_answer_forbids_the_outside(site, path):
    headers = site.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../secret.txt",
            "..%2fsecret.txt",
            "%2e%2e/secret.txt",
            "..%5csecret.txt",
            "....//secret.txt",
            "link.js",
        ),
        *(
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "viewer.js%00.png",
            ".hidden",
            "",
            ".",
            "..",
            "a" * 5000,
            "%ff%fe",
        ),
    ],
)
def test_no_path_leads_out_of_the_page(site, name):
    answer = site.get(f"/assets/{name}")
    assert answer.status_code in (403, 404)
    assert "secret" not in answer.text or answer.headers["content-type"].startswith("application/json")
    assert "root:" not in answer.text


@pytest.mark.parametrize("key", ["..", "%2e%2e", "..%2f..", "0" * 12, "result", "a" * 3000, "%00"])
def test_no_key_leads_to_another_folder(site, key):
    for what in ("", "/ct.nii", "/mask.nii"):
        assert site.get(f"/api/results/{key}{what}").status_code in (403, 404)


@pytest.mark.parametrize("name", ["mask.nii.gz", "lesions.json", "revisions"])
def test_links_that_lead_out_of_a_result_are_not_followed(client, result, tmp_path, name):
    url = client.url()
    target = tmp_path / "outside"
    if (result / name).exists():
        (result / name).rename(target)
    else:
        target.mkdir()
    (result / name).symlink_to(target)
    row = client.get("/api/results").json()[0]
    assert row["state"] == "broken"
    assert "link" in row["problem"]
    headers = {"X-Cipa-Revision": "0", "X-Cipa-Tab": "one"}
    saved = client.http.post(f"{url}/save", content=gzip.compress(b"1"), headers=headers)
    assert saved.status_code == 422
    assert client.get(f"{url}/mask.nii").status_code == 422


def test_strokes_are_not_written_through_a_link(client, result, tmp_path):
    (tmp_path / "outside").write_text("keep")
    (result / "autosave").symlink_to(tmp_path / "outside")
    take = {"X-Cipa-Take-Over": "1"}
    assert client.send(client.labels(), "autosave", **take).status_code == 422
    assert (tmp_path / "outside").read_text() == "keep"


def test_a_link_to_a_folder_of_results_is_not_followed(result, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(result)
    assert Client(root).get("/api/results").json() == []


def test_a_body_that_unpacks_to_gigabytes_is_stopped():
    import tracemalloc

    bomb, grid = gzip.compress(bytes(2**26), 9), PageGrid((32, 32, 5), np.eye(4))
    tracemalloc.start()
    with pytest.raises(Refusal, match="does not fill"):
        unpack_labels(bomb, grid)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("honest", [True, False])
def test_a_body_that_is_too_large_is_refused(client, monkeypatch, honest):
    monkeypatch.setattr("cipa.view.app.MOST_PACKED", 1000)
    body = b"x" * 1001 if honest else (piece for piece in [b"x" * 600, b"x" * 600])
    headers = {"X-Cipa-Revision": "0", "X-Cipa-Tab": "one"}
    answer = client.http.put(client.url("autosave"), content=body, headers=headers)
    assert answer.status_code == 413


NAMES = [
    "<script>alert(1)</script>",
    "\x1b[31mred",
    "a\nb\r\nc",
    "\u202eevil",
    "=cmd|' /C calc'!A0",
    "x" * 9999,
    "Ä 肺",
]


def test_names_of_lesions_are_text_and_bounded(client, result):
    labels = np.zeros_like(client.labels())
    for number in range(len(NAMES)):
        labels[0, 2 * number] = number + 1
    lesions = [{"label": number, "name": name} for number, name in enumerate(NAMES, start=1)]
    saved = client.send(labels, edits={"lesions": lesions})
    assert saved.status_code == 200
    for name, lesion in zip(NAMES, saved.json()["lesions"], strict=True):
        assert 0 < len(lesion["name"]) <= 64
        assert lesion["name"].isprintable()
        assert lesion["name"] == name or name not in (NAMES[0], NAMES[4], NAMES[6])
    page = (result / "revisions" / "001" / "report.html").read_text()
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize(
    "edits",
    [
        *(
            [],
            "text",
            1,
            None,
            {"lesions": 1},
            {"lesions": [1]},
            {"lesions": [{}]},
            {"tools": [1]},
            {"tools": {}},
        ),
        {"lesions": [{"label": "1"}]},
        {"lesions": [{"label": True}]},
        {"lesions": [{"label": 0}]},
        {"lesions": [{"label": 1, "state": "eaten"}]},
        {"lesions": [{"label": 1, "name": 7}]},
        {"lesions": [{"label": 1}, {"label": 1}]},
    ],
)
def test_malformed_edits_are_refused(client, edits):
    header = base64.b64encode(json.dumps(edits).encode()).decode()
    answer = client.send(client.labels(), **{"X-Cipa-Edits": header})
    assert answer.status_code == (200 if edits == {"tools": {}} else 400), answer.text


def test_requests_of_any_shape_get_a_line_of_json(client, result):
    """Two hundred seeded requests: words of the interface, shuffled, cut and spoilt."""
    draw = random.Random(0)
    words = [
        "api",
        "results",
        client.key,
        "ct.nii",
        "mask.nii.gz",
        "mip",
        "0.png",
        "-1.png",
        "autosave",
        "save",
        "..",
        "%00",
        "é",
    ]
    values = ["", "0", "-1", "999999999", "network", "autosave", "1e3", "\u0661", "null", "[]", "a" * 300]
    body = gzip.compress(lesion_labels((32, 32, 5)).astype(np.uint8).tobytes())
    for _ in range(200):
        path = "/" + "/".join(draw.choices(words, k=draw.randint(1, 5)))
        if draw.random() < 0.6:
            path = f"/api/results/{client.key}/" + draw.choice(words)
        query = {draw.choice(["revision", "rejected", "token", "x"]): draw.choice(values)}
        names = [
            "X-Cipa-Revision",
            "X-Cipa-Tab",
            "X-Cipa-Edits",
            "X-Cipa-Take-Over",
            "If-None-Match",
            "X-Cipa-Stamp",
        ]
        headers = {name: draw.choice(values).encode() for name in draw.sample(names, 3)}
        spoilt = bytearray(body)
        for _ in range(draw.randint(0, 4)):
            spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
        method = draw.choice(["GET", "GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD"])
        answer = client.http.request(method, path, params=query, headers=headers, content=bytes(spoilt))
        assert answer.status_code != 500, (method, path, query, headers, answer.text)
        is_page = answer.url.path in ("", "/")
        if answer.status_code >= 400 and method != "HEAD" and not is_page:
            line = answer.json()["error"]
            assert line.isprintable()
            assert "Traceback" not in line
    assert client.describe()["lesions"]
    assert client.ended == []

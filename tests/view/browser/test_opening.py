import numpy as np
import pytest

from browser_study import CENTRE_LPS


def test_the_planes_are_drawn_and_nothing_leaves_the_machine(served, visit, browser):
    asked = []
    page = visit("about:blank", wait=None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.address)
    page.wait_for_selector("body[data-ready]")
    origin = served.address.split("/?")[0]
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((origin, "data:", f"blob:{origin}"))] == []
    assert page.inner_text("#lesions .name") == "Lesion 1"
    assert page.failures == []
    shades = page.evaluate(SHADES)
    assert all(max(tile) - min(tile) > 50 for tile in shades)
    page.evaluate(GO_TO, [*(-CENTRE_LPS[:2]).tolist(), CENTRE_LPS[2]])
    page.mouse.move(5, 5)
    words = page.inner_text("#readout")
    assert "60 HU" in words
    assert "L 20.0" in words
    assert float(words.split("SUV ")[1].split()[0]) > 11


SHADES = """() => {
  const { scene } = window.cipa, { gl } = scene;
  scene.drawNow();
  return scene.nv.screenSlices.map(({ leftTopWidthHeight: [left, top, width, height] }) => {
    const row = new Uint8Array(4 * Math.floor(width)), y = gl.canvas.height - top - height / 2 + 9;
    gl.readPixels(left, y, Math.floor(width), 1, gl.RGBA, gl.UNSIGNED_BYTE, row);
    return Array.from(row.filter((_, k) => k % 4 === 1));
  });
}"""
GO_TO = "(mm) => { window.cipa.scene.goTo(mm); window.cipa.scene.drawNow(); }"


def test_the_projection_shows_a_point_where_its_crosshair_is(served, visit):
    page = visit(served.address)
    page.wait_for_function("() => window.cipa.mip.frames.every(Boolean)")
    centre = [*(-CENTRE_LPS[:2]).tolist(), CENTRE_LPS[2]]
    for number in (0, 7, 12, 29):
        shades = np.array(page.evaluate(FRAME, number))
        darkest = np.argwhere(shades == shades.min()).mean(axis=0)
        column, row = page.evaluate(POINT, [number, centre])
        assert np.hypot(darkest[0] - row, darkest[1] - column) < 3


FRAME = """(number) => {
  const { width, height } = window.cipa.mip.frames[number];
  const pen = new OffscreenCanvas(width, height).getContext("2d");
  pen.drawImage(window.cipa.mip.frames[number], 0, 0);
  const { data } = pen.getImageData(0, 0, width, height);
  const row = (y) => Array.from({ length: width }, (_, x) => data[4 * (x + y * width)]);
  return Array.from({ length: height }, (_, y) => row(y));
}"""
POINT = """([number, mm]) => {
  const { mip } = window.cipa, finer = mip.canvas.width / mip.geometry.width;
  mip.at = number;
  return mip.project(mm).map((value) => value / finer - 0.5);
}"""


@pytest.mark.slow
def test_the_crosshair_is_seen_in_every_plane_however_small(served, visit):
    page = visit(served.address)
    page.set_viewport_size({"width": 500, "height": 320})
    page.evaluate("() => { window.cipa.looks.show('ct'); window.cipa.looks.mask = 'outline'; }")
    for step in range(6):
        page.evaluate(GO_TO, [*(-CENTRE_LPS[:2] + 0.7 * step).tolist(), CENTRE_LPS[2] + 0.6 * step])
        found = page.evaluate(YELLOW)
        assert len(found) == 3
        assert all(min(lines) > 0 for lines in found), found


YELLOW = """() => {
  const { scene } = window.cipa, { gl, nv } = scene;
  scene.drawNow();
  const count = (x, y, width, height) => {
    const pixels = new Uint8Array(4 * width * height);
    gl.readPixels(x, gl.canvas.height - y - height, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    const isYellow = (red, k) =>
      k % 4 === 0 && red > pixels[k + 2] + 60 && pixels[k + 1] > pixels[k + 2] + 40;
    return pixels.filter(isYellow).length;
  };
  return nv.screenSlices.map(({ leftTopWidthHeight: [left, top, width, height], axCorSag }) => {
    const [x, y] = nv.frac2canvasPosWithTile(nv.scene.crosshairPos, axCorSag).pos.map(Math.round);
    const [u, v] = [left + width / 4, top + height / 4].map(Math.round);
    return [count(u, y - 2, 4, 5), count(x - 2, v, 5, 4)];
  });
}"""

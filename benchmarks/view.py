"""How fast the page of `cipa view` is in a browser that draws without a graphics card, or with one.

    cipa view RESULT --no-browser          # prints ADDRESS
    python benchmarks/view.py ADDRESS      # --gpu: with the machine's graphics card

Prints seconds until the first planes and until PET and lesions are over them, frames a second while slices
are scrolled and windows changed, milliseconds from a stroke to its picture, requests that would have left the
machine (none is let through), and seconds of processor time that the browser spent: on a busy machine these
say more than the clock.
"""

import argparse
import json
import shutil
import statistics
import time

import psutil
from playwright.sync_api import Page, Route, sync_playwright

SOFTWARE = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
FRAMES, STROKES = 40, 12

SCROLL = """async (count) => {
  const { scene, looks } = window.cipa, pixel = new Uint8Array(4), { gl } = scene, times = [];
  const frame = (change) => {
    const start = performance.now();
    change();
    scene.drawNow();
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);  // waits until it is drawn
    times.push(performance.now() - start);
  };
  const median = () => times.sort((a, b) => a - b)[times.length >> 1];
  for (let k = 0; k < count; k += 1) frame(() => scene.move(2, k % 20 < 10 ? 1 : -1));
  const scrolling = median();
  times.length = 0;
  for (let k = 0; k < count; k += 1) frame(() => looks.window(["lung", "soft", "bone"][k % 3]));
  return { scrolling_ms: scrolling, window_ms: median(), canvas: [gl.canvas.width, gl.canvas.height],
           renderer: gl.getParameter(gl.getExtension("WEBGL_debug_renderer_info").UNMASKED_RENDERER_WEBGL) };
}"""

STROKE = """async (count) => {
  const { scene, study, tools } = window.cipa, { pad } = tools, { gl } = scene;
  const box = pad.getBoundingClientRect(), times = [];
  const pixel = new Uint8Array(4);
  tools.take("brush");
  const send = (kind, clientX, clientY) =>
    pad.dispatchEvent(new PointerEvent(kind, { clientX, clientY, pointerId: 1, button: 0, bubbles: true }));
  pad.setPointerCapture = () => {};
  for (let k = 0; k < count; k += 1) {
    const x = box.left + box.width / 4 + 5 * k, y = box.top + box.height / 4;
    const start = performance.now();
    send("pointerdown", x, y);
    send("pointermove", x + 4, y + 2);
    await new Promise(requestAnimationFrame);  // the page's own drawing comes before
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    times.push(performance.now() - start);
    send("pointerup", x + 4, y + 2);
    await new Promise((done) => setTimeout(done, 50));
  }
  while (study.undo());
  return times.sort((a, b) => a - b)[times.length >> 1];
}"""

WATCH = """() => {
  window.presented = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (one.name === "pointerdown") window.presented.push(one.duration);
  }).observe({ type: "event", durationThreshold: 16 });
}"""


MARKS = """Object.fromEntries(
  performance.getEntriesByType("mark").map((mark) => [mark.name, Math.round(mark.startTime)]))"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="as `cipa view` prints it")
    parser.add_argument("--gpu", action="store_true", help="leave drawing to the machine's graphics card")
    parser.add_argument("--size", type=int, nargs=2, default=(1440, 900), metavar=("WIDTH", "HEIGHT"))
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        flags = ["--no-sandbox", *([] if arguments.gpu else SOFTWARE)]
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport=dict(zip(("width", "height"), arguments.size, strict=True)))
        page.set_default_timeout(300_000)
        print(json.dumps(measure(page, arguments.address), indent=2))
        browser.close()


def measure(page: Page, address: str) -> dict[str, object]:
    """Open the page and measure it."""
    origin, outside = address.split("/?")[0], []

    def watch(route: Route) -> None:
        if route.request.url.startswith((origin, "data:", "blob:")):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    page.route("**/*", watch)
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("body[data-pictured]")
    first = time.perf_counter() - start
    page.wait_for_selector("body[data-ready]")
    ready = time.perf_counter() - start
    loading = processor_seconds()
    page.wait_for_function("() => !window.cipa.mip || window.cipa.mip.frames.every(Boolean)")
    page.wait_for_timeout(500)
    before = processor_seconds()
    drawn = page.evaluate(SCROLL, FRAMES)
    drawing = processor_seconds() - before
    return {
        "first picture, s": round(first, 2),
        "with PET and lesions, s": round(ready, 2),
        "marks of the page, ms": page.evaluate(MARKS),
        "processor time until then, s": round(loading, 2),
        "three planes, frames/s": round(1000 / drawn["scrolling_ms"], 1),
        "CT window changed, frames/s": round(1000 / drawn["window_ms"], 1),
        "processor time a frame, ms": round(1000 * drawing / (2 * FRAMES)),
        "stroke visible, ms": round(page.evaluate(STROKE, STROKES), 1),
        "press of the brush to its picture on the screen, ms": pressed(page),
        "canvas": drawn["canvas"],
        "renderer": drawn["renderer"],
        "requests outside": outside,
    }


def pressed(page: Page) -> float:
    """Press the brush, and return the median of the browser's own times from a press to the next picture.

    The browser gives them in steps of 8 ms, and none below 16 (Event Timing, W3C).
    """
    page.evaluate(WATCH)
    box = page.locator("#pad").bounding_box()
    for count in range(STROKES):
        x, y = box["x"] + box["width"] / 4 + 5 * count, box["y"] + box["height"] / 4 + 20
        page.mouse.move(x, y)
        page.wait_for_timeout(300)
        page.mouse.down()
        page.wait_for_timeout(300)
        page.mouse.up()
        page.wait_for_timeout(600)
    times = page.evaluate("window.presented")
    page.evaluate("() => { while (window.cipa.study.undo()); }")
    return statistics.median([*times, *[16.0] * (STROKES - len(times))])


def processor_seconds() -> float:
    """Return what the browser's processes have used of all processors."""
    spent = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent


if __name__ == "__main__":
    main()

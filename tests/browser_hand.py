"""What a person does on the viewer's page, in millimetres of the patient (RAS+)."""

PLACE = """([mm, slice]) => {
  const { scene } = window.cipa;
  scene.goTo(mm);
  scene.drawNow();
  const found = scene.nv.frac2canvasPosWithTile(scene.nv.scene.crosshairPos, slice);
  const scale = scene.canvas.width / scene.canvas.clientWidth, box = scene.canvas.getBoundingClientRect();
  return [box.left + found.pos[0] / scale, box.top + found.pos[1] / scale];
}"""
AXIAL, CORONAL, SAGITTAL = 0, 1, 2


class Hand:
    """Mouse and keyboard over an open page."""

    def __init__(self, page):
        self.page = page

    def place(self, mm, plane=AXIAL):
        """Show a point, and return where it is in the window."""
        return self.page.evaluate(PLACE, [list(map(float, mm)), plane])

    def centre_of(self, x, y):
        """Return the millimetres under a place of the window."""
        script = """([x, y]) => {
          const box = window.cipa.scene.canvas.getBoundingClientRect();
          return window.cipa.scene.under(x - box.left, y - box.top).mm;
        }"""
        return self.page.evaluate(script, [x, y])

    def press(self, mm, plane=AXIAL):
        """Click at a point; return the millimetres that were under the pointer."""
        x, y = map(round, self.place(mm, plane))
        self.page.mouse.move(x, y)
        under = self.centre_of(x, y)
        self.page.mouse.down()
        self.page.mouse.up()
        return under

    def key(self, name):
        self.page.keyboard.press(name)

    def said(self):
        return self.page.inner_text("#said")

    def wait_for(self, state):
        """Wait until the work is "saved", "kept" or "dirty"."""
        self.page.wait_for_selector(f'#saved[data-state="{state}"]')

    def save(self, revision):
        """Save, and wait until the page shows the revision."""
        self.key("Control+s")
        self.page.wait_for_function(f"() => window.cipa.study.result.revision === {revision}")
        self.wait_for("saved")

    def count(self, label):
        """Return how many voxels a lesion has on the page."""
        script = (
            "(label) => window.cipa.study.labels.data.reduce((sum, one) => sum + (one === label ? 1 : 0), 0)"
        )
        return self.page.evaluate(script, label)

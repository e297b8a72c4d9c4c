"""The page's computations, each against SciPy or NumPy."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

SHAPE = (9, 8, 7)
STEP = [2.0, 1.5, 3.0]


@pytest.fixture
def labels():
    """Return blobs of two labels with holes and islands."""
    rng = np.random.default_rng(5)
    smooth = ndimage.gaussian_filter(rng.normal(size=SHAPE), 0.7)
    return np.where(smooth > 0.25, 1, np.where(smooth < -0.35, 2, 0)).astype(np.uint8)


def flat(values):
    """Return values (x, y, z) in the page's order."""
    return np.asarray(values).ravel(order="F").tolist()


def cube(indices, shape=SHAPE):
    """Return which voxels a list of places in the array holds."""
    found = np.zeros(np.prod(shape), bool)
    found[indices] = True
    return found.reshape(shape, order="F")


def module(name, body):
    """Return a script that imports a module of the page and calls it with the test's arguments as `a`."""
    return f"async (a) => {{ const m = await import('/assets/{name}.js'); return {body}; }}"


def test_suv_between_voxels_is_that_of_the_measurements(modules):
    from cipa.io.grid import resample

    rng = np.random.default_rng(1)
    suv = rng.uniform(0, 10, (5, 6, 4)).astype(np.float32)
    pet = np.array([[0, -4.1, 0.2, 9], [3.9, 0, 0, -7], [0, 0.1, 5.0, -8], [0, 0, 0, 1]])
    ct = np.array([[2.5, 0, 0, -16], [0, 1.5, 0, -8], [0, 0, 3.0, -9], [0, 0, 0, 1]])
    expected = resample(suv, pet, ct, SHAPE)
    body = """(() => {
      const suvAt = m.sampler(Float32Array.from(a[0]), a[1], a[2], a[3]), found = [], [x, y, z] = a[4];
      const whole = Math.floor;
      for (let n = 0; n < x * y * z; n++) found.push(suvAt(n % x, whole(n / x) % y, whole(n / (x * y))));
      return found;
    })()"""
    found = modules(module("sampling", body), flat(suv), suv.shape, pet.tolist(), ct.tolist(), SHAPE)
    assert (expected == 0).any()
    assert (expected > 0).any()
    assert np.allclose(np.reshape(found, SHAPE, order="F"), expected, atol=1e-4)


def test_pieces_hang_together_by_faces_edges_and_corners(modules, labels):
    found = modules(module("regions", "m.pieces(Uint8Array.from(a[0]), a[1], 1)"), flat(labels), SHAPE)
    expected, count = ndimage.label(labels == 1, np.ones((3, 3, 3)))
    assert count > 1
    assert sorted(map(sorted, found)) == sorted(
        np.flatnonzero(expected.ravel(order="F") == k).tolist() for k in range(1, count + 1)
    )
    assert [len(piece) for piece in found] == sorted((len(piece) for piece in found), reverse=True)


def test_holes_are_what_cannot_be_reached_from_outside_by_faces(modules, labels):
    block = labels.copy()
    block[2:8, 2:7, 1:6] = 1
    block[4, 4, 2:4] = 0
    block[5, 3, 4] = 2
    found = cube(modules(module("regions", "m.holes(Uint8Array.from(a[0]), a[1], 1)"), flat(block), SHAPE))
    inside = block == 1
    assert np.array_equal(found, ndimage.binary_fill_holes(inside) & ~inside)
    assert found.sum() >= 3


def test_a_region_grows_by_faces_through_what_reaches_the_threshold(modules):
    suv = ndimage.gaussian_filter(np.random.default_rng(2).uniform(0, 10, SHAPE), 0.8)
    seed = np.unravel_index(suv.argmax(), SHAPE)
    body = """m.growRegion(a[0], { percent: 80 }, (x, y, z) => a[1][x + a[2][0] * (y + a[2][1] * z)],
      { shape: a[2] }, a[3])"""
    script = module("threshold", body)
    found = modules(script, [int(i) for i in seed], flat(suv), SHAPE, 10_000)
    regions, _ = ndimage.label(suv >= 0.8 * suv.max())
    assert not found["leaked"]
    assert np.array_equal(cube(found["indices"]), regions == regions[seed])
    assert modules(script, [int(i) for i in seed], flat(suv), SHAPE, 1)["leaked"]


@pytest.mark.parametrize("normal", [None, 0, 2])
def test_a_stamp_is_a_ball_or_a_disc_in_millimetres(modules, normal):
    centre, radius = [3.4, 4.2, 2.6], 4.0
    body = "(() => { const f = []; m.stamp(a[0], a[1], a[2], a[3], (i) => f.push(i), a[4]); return f; })()"
    found = cube(modules(module("brush", body), centre, radius, STEP, SHAPE, normal))
    middle = [round(c) if axis == normal else c for axis, c in enumerate(centre)]
    away = (np.indices(SHAPE) - np.reshape(middle, (3, 1, 1, 1))) * np.reshape(STEP, (3, 1, 1, 1))
    expected = np.linalg.norm(away, axis=0) <= radius
    if normal is not None:
        expected &= away[normal] == 0
    assert np.array_equal(found, expected)


def test_the_smallest_brush_still_paints_the_voxel_under_it(modules):
    body = "(() => { const f = []; m.stamp(a[0], 0.1, a[1], a[2], (i) => f.push(i)); return f; })()"
    assert np.argwhere(cube(modules(module("brush", body), [3.4, 4.4, 2.6], STEP, SHAPE))).tolist() == [
        [3, 4, 3]
    ]


def test_signed_distances_are_exact(modules, labels):
    mask = np.pad(labels[:, :, 3] == 1, 1)
    found = modules(
        module("interpolation", "Array.from(m.signedDistance(Uint8Array.from(a[0]), a[1], a[2]))"),
        flat(mask),
        mask.shape,
        STEP[:2],
    )
    outside = ndimage.distance_transform_edt(~mask, STEP[:2])
    inside = ndimage.distance_transform_edt(mask, STEP[:2])
    assert np.allclose(np.reshape(found, mask.shape, order="F"), outside - inside)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_between_two_discs_lies_a_disc_between_them_in_size(modules, axis):
    shape = (31, 31, 31)
    places = np.moveaxis(np.indices(shape), 0, -1) - 15.0
    across = np.linalg.norm(np.delete(places, axis, -1), axis=-1)
    drawn = np.zeros(shape, np.uint8)
    drawn[(places[..., axis] == -6) & (across <= 4)] = 7
    drawn[(places[..., axis] == 6) & (across <= 12)] = 7
    script = module("interpolation", "m.between(Uint8Array.from(a[0]), a[1], [1, 1, 1], 7, a[2])")
    found = cube(modules(script, flat(drawn), shape, axis), shape)
    sizes = [int((found & (places[..., axis] == k)).sum()) for k in range(-6, 7)]
    assert sizes[0] == sizes[-1] == 0
    assert sizes[1:-1] == sorted(sizes[1:-1])
    assert sizes[6] == pytest.approx(np.pi * 8**2, rel=0.12)


def test_edits_are_taken_back_and_made_again_without_end(modules):
    body = """(() => {
      const labels = new m.Labels(new Uint8Array(27), [3, 3, 3]), history = new m.History(), seen = [];
      for (let k = 0; k < 100; k += 1) {
        labels.set(k % 27, (k % 5) + 1); labels.set((k * 7) % 27, k % 3); labels.set(k % 27, 6);
        const change = labels.finish();
        if (change) history.push({ change, tool: "brush" });
        seen.push(Array.from(labels.data).join());
      }
      let same = true, count = 0;
      for (let step; (step = history.back()); count += 1) labels.undo(step.change);
      const empty = labels.data.every((one) => one === 0);
      for (let step; (step = history.forth());) labels.redo(step.change);
      return { count, empty, last: Array.from(labels.data).join() === seen.at(-1), dirty: labels.takeDirty(),
        counts: Array.from(labels.counts), centre: labels.centre(6), data: Array.from(labels.data) };
    })()"""
    found = modules(module("labels", body))
    assert (found["count"], found["empty"], found["last"], found["dirty"]) == (
        100,
        True,
        True,
        {"low": [0, 0, 0], "high": [2, 2, 2]},
    )
    last = np.reshape(found["data"], (3, 3, 3), order="F")
    assert found["counts"][1:7] == [int((last == label).sum()) for label in range(1, 7)]
    assert np.allclose(found["centre"], np.argwhere(last == 6).mean(axis=0))


def test_the_mask_that_is_downloaded_is_a_nifti_file_on_the_grid(modules, labels):
    affine = np.array([[0, -2.0, 0, 3], [1.5, 0, 0, 4], [0, 0, 3.0, 5], [0, 0, 0, 1]])
    found = modules(
        module("nifti", "Array.from(m.writeNifti(a[1], a[2], Uint8Array.from(a[0])))"),
        flat(labels),
        SHAPE,
        affine.tolist(),
    )
    image = nib.Nifti1Image.from_bytes(bytes(found))
    assert np.array_equal(image.dataobj, labels)
    assert np.allclose(image.affine, affine)
    assert image.header["xyzt_units"] == 2
    assert image.header["sform_code"] == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_volumes_are_read_as_they_were_written(modules, dtype):
    values = np.random.default_rng(3).uniform(0, 100, SHAPE).astype(dtype)
    content = list(nib.Nifti1Image(values, np.eye(4)).to_bytes())
    body = """(() => {
      const { data, shape } = m.readNifti(Uint8Array.from(a[0]).buffer);
      return { data: Array.from(data), shape };
    })()"""
    found = modules(module("nifti", body), content)
    assert found["shape"] == list(SHAPE)
    assert np.array_equal(np.reshape(found["data"], SHAPE, order="F").astype(dtype), values)


@pytest.mark.parametrize("renderer", ["SwiftShader", "NVIDIA"])
def test_ct_is_sent_to_the_card_in_hounsfield_units(modules, renderer):
    body = """(() => {
      const sent = [], gl = new Proxy({}, { get: (_, name) => ({
        getParameter: () => a[1],
        getExtension: () => ({}),
        texSubImage3D: (...all) => sent.push(...all.at(-1)),
      })[name] ?? (() => null) });
      m.uploadCt(gl, { shape: [2, 2, 5], data: Int16Array.from(a[0]), slope: 2, intercept: -7 });
      return sent;
    })()"""
    values = np.array([-16000, -520, -509, 3, 4, 5, 20, 999, 1023, 1535, *range(10, 110, 10)], np.int16)
    found = modules(module("textures", body), values.tolist(), renderer)
    hounsfield = 2.0 * values - 7
    if renderer == "NVIDIA":
        found = np.array(found, np.uint16).view(np.float16)
        hounsfield = hounsfield.astype(np.float16)
    assert np.array_equal(found, hounsfield)

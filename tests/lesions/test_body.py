import numpy as np
import pytest
from scipy import ndimage

from cipa.io.volume import Volume
from cipa.lesions.body import body_of
from phantom_scan import AFFINE, AIR, CLOTH, EDGE_MM, FAT, FOAM, LUNG, TISSUE, Scan


def whole(body, shape):
    return body.within(tuple(slice(0, length) for length in shape))


NEAR_MM = 15.0
"""What is not the patient and so close to the skin may be taken for it."""


def shares(scan, with_pet=True):
    """Return how much of the patient, and of what was drawn at some distance from it, is taken for it."""
    ct, pet = scan.volumes()
    body = whole(body_of(ct, pet if with_pet else None), ct.shape)
    apart = np.stack([ndimage.distance_transform_edt(~part, EDGE_MM) for part in scan.alive]) > NEAR_MM
    dead = scan.dead & apart
    return body[scan.alive].mean(), body[dead].mean() if dead.any() else 0.0


@pytest.mark.parametrize("with_pet", [True, False])
@pytest.mark.parametrize("gap", [0.0, 15.0])
@pytest.mark.parametrize("kind", ["flat", "curved", "valley", "board"])
def test_the_couch_is_left_out_and_the_chest_is_whole(kind, gap, with_pet):
    alive, dead = shares(Scan().trunk().couch(kind, gap), with_pet)
    assert alive == 1
    assert dead < 0.01


@pytest.mark.parametrize("wall", [6.0, 9.0, 20.0])
def test_lungs_behind_a_wall_of_any_thickness_belong_to_the_patient(wall):
    alive, _ = shares(Scan().trunk(wall).couch("flat"))
    assert alive > 0.999


def test_arms_beside_the_trunk_belong_to_the_patient_and_their_rests_do_not():
    scan = Scan(noise=5).trunk()
    for side in (-1, 1):
        scan.part(scan.ellipse(10, side * 180, 38, 32))
    scan.couch("valley", 3)
    assert shares(scan)[0] == 1
    assert shares(scan)[1] < 0.01


def test_arms_above_the_head_belong_to_the_patient():
    scan = Scan()
    scan.part(scan.ellipse(0, 0, 70, 60))
    for side in (-1, 1):
        scan.part(scan.ellipse(20, side * 120, 30, 28))
        scan.part(scan.ellipse(-60, side * 60, 22, 22), slices=slice(4, 14))
    alive, dead = shares(scan.couch("curved", 2))
    assert alive == 1
    assert dead < 0.01


def test_a_blanket_on_the_patient_is_left_out():
    scan = Scan().trunk()
    blanket = scan.ellipse(-40, 0, 95, 190) & ~scan.ellipse(-40, 0, 88, 183) & (scan.y < 30)
    fold = scan.ellipse(-70, 90, 25, 40) & ~scan.ellipse(-70, 90, 20, 35)
    alive, dead = shares(scan.thing(blanket, CLOTH).thing(fold, CLOTH))
    assert alive == 1
    assert dead < 0.01


@pytest.mark.parametrize("columns", [slice(60, None), slice(90, 250), slice(0, 160)])
def test_a_patient_cut_by_the_image_is_whole_as_far_as_it_is_seen(columns):
    scan = Scan().trunk().couch("flat", 6)
    for name in ("hu", "suv", "alive", "dead", "noise"):
        setattr(scan, name, getattr(scan, name)[:, :, columns])
    alive, dead = shares(scan)
    assert alive > 0.999
    assert dead < 0.01


@pytest.mark.parametrize("padding", [-1024, -2000, -3024])
def test_a_patient_cut_by_the_scanner_circle_is_whole_inside_it(padding):
    scan = Scan().trunk(size=1.35, y=-25).couch("flat", 12)
    circle = scan.ellipse(0, 0, 170, 170)
    scan.alive[:, ~circle] = scan.dead[:, ~circle] = False
    scan.hu[:, ~circle], scan.noise[:, ~circle] = padding, 0
    alive, dead = shares(scan)
    assert alive > 0.995
    assert dead < 0.01


def test_nan_outside_the_scanner_circle_is_air():
    scan = Scan().trunk().couch("flat", 12)
    circle = scan.ellipse(0, 0, 160, 220)
    ct, pet = scan.volumes()
    array = ct.array.astype(np.float32)
    array[:, ~circle] = np.nan
    body = whole(body_of(Volume(array, ct.affine), pet), ct.shape)
    assert body[scan.alive & circle].all()
    assert not body[:, ~scan.ellipse(0, 0, 170, 230)].any()


def test_both_legs_and_two_bodies_are_kept():
    scan = Scan()
    for side in (-1, 1):
        scan.part(scan.ellipse(20, side * 80, 55, 60), FAT)
        scan.part(scan.ellipse(20, side * 80, 45, 50))
    alive, dead = shares(scan.couch("flat"))
    assert alive == 1
    assert dead < 0.01
    twins = Scan().trunk(x=-110, size=0.6).trunk(x=110, size=0.6)
    assert shares(twins)[0] == 1


def test_a_crop_that_is_all_patient_is_kept_whole():
    ct = Volume(np.full((20, 60, 60), TISSUE, np.int16), AFFINE)
    assert whole(body_of(ct, None), ct.shape).all()


def test_a_solid_block_without_uptake_is_no_part_of_the_patient_where_the_pet_shows_it():
    scan = Scan().trunk()
    scan.thing(scan.ellipse(100, 0, 25, 80), 80)
    assert shares(scan)[1] < 0.01
    assert shares(scan, with_pet=False)[1] == 1
    ct, pet = scan.volumes()
    beside = Volume(pet.array[:, :80], pet.affine)  # a PET that does not reach the block says nothing of it
    assert whole(body_of(ct, beside), ct.shape)[scan.dead].all()


def test_the_body_is_that_of_any_order_of_axes():
    scan = Scan().trunk().couch("flat", 8)
    ct, pet = scan.volumes()
    other = ct.affine[:, [2, 1, 0, 3]]
    turned = Volume(ct.array.transpose(2, 1, 0), other)
    same = whole(body_of(ct, pet), ct.shape)
    np.testing.assert_array_equal(whole(body_of(turned, pet), ct.shape), same)


def test_without_ct_the_body_is_what_takes_up_activity():
    scan = Scan().trunk()
    scan.suv += 0.01
    _, pet = scan.volumes()
    body = whole(body_of(None, pet), pet.shape)
    assert body[scan.alive].all()
    assert body.mean() < 2 * scan.alive.mean()


def test_a_ct_without_soft_tissue_leaves_the_uptake():
    scan = Scan().trunk()
    _, pet = scan.volumes()
    body = whole(body_of(Volume(np.full(pet.shape, -500, np.int16), pet.affine), pet), pet.shape)
    assert body[scan.alive].all()
    assert body.mean() < 2 * scan.alive.mean()


def test_nothing_that_looks_like_a_patient_gives_no_body():
    air = Volume(np.full((8, 40, 40), AIR, np.int16), AFFINE)
    assert body_of(air, None) is None
    assert body_of(None, Volume(np.zeros((8, 40, 40), np.float32), air.affine)) is None
    foam = Volume(np.full((8, 40, 40), FOAM, np.int16), air.affine)
    assert body_of(foam, None) is None
    assert LUNG > FOAM

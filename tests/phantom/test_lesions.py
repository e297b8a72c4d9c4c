from dataclasses import replace

import numpy as np
import pytest

from cipa.phantom import tumours
from cipa.phantom.frame import draw_frame
from cipa.phantom.lesions import lobulated, spicules
from cipa.phantom.plane import SLICE_SPACING, STRAIGHT, Plane
from cipa.phantom.scene import paint
from cipa.phantom.shapes import Column
from cipa.phantom.sites import Sites


@pytest.fixture
def frame():
    return replace(draw_frame(np.random.default_rng(0)), warp=STRAIGHT)


@pytest.fixture
def one_site():
    """A lung whose only place is the origin, far from every edge."""
    return Sites(np.zeros((1, 3)), np.array([500.0]), np.array([True]))


def test_an_even_mass_has_the_volume_of_a_ball(volume_of):
    mass = lobulated(np.random.default_rng(0), np.zeros(3), diameter=30.0, rough=0.0)
    assert volume_of(mass) == pytest.approx(np.pi * 30**3 / 6 / 1000, rel=0.04)


def test_a_rough_mass_is_irregular_but_of_like_volume(volume_of):
    mass = lobulated(np.random.default_rng(0), np.zeros(3), diameter=30.0, rough=0.26)
    assert 0.5 < volume_of(mass, step=2.0) / (np.pi * 30**3 / 6 / 1000) < 2.0
    plane = Plane(512, 0.0, STRAIGHT)
    ((_, share),) = mass.patches(plane)
    inside = np.argwhere(share > 0.5)
    spread = np.linalg.norm(inside - inside.mean(0), axis=1).max() * plane.pixel
    assert spread > 1.08 * np.sqrt(len(inside) / np.pi) * plane.pixel


def test_a_soft_mass_fades_over_a_wider_edge():
    mass = lobulated(np.random.default_rng(0), np.zeros(3), diameter=40.0, rough=0.1)
    plane = Plane(512, 0.0, STRAIGHT)
    grey = [
        ((s > 0.02) & (s < 0.98)).sum() for m in (mass, replace(mass, soft=12.0)) for _, s in m.patches(plane)
    ]
    assert grey[1] > 4 * grey[0]


def test_spicules_reach_out_of_the_mass():
    mass = lobulated(np.random.default_rng(0), np.zeros(3), diameter=20.0, rough=0.1)
    strands = spicules(np.random.default_rng(1), mass, 12)
    assert (np.linalg.norm(strands.end, axis=1) > mass.radius).all()


def test_areas_follow_the_published_distribution(frame, one_site):
    rng = np.random.default_rng(0)
    areas = []
    frame = replace(frame, cavity=Column((-500, 500), (0.0, 0.0), (240.0, 240.0)))
    for _ in range(150):
        tumour = tumours.draw_tumour(rng, frame, one_site)
        for z in np.arange(tumour.heights[0], tumour.heights[1], SLICE_SPACING):
            areas.append((tumour.cover(Plane(256, float(z), STRAIGHT)) >= 0.5).sum() * 4)
    areas = np.array([area for area in areas if area >= 11])
    assert 0.5 < (areas < 500).mean() < 0.68  # published: 0.59
    assert areas.max() < 1.2 * 5830
    assert np.percentile(areas, 98) > 2000


def test_a_dead_core_is_cold_and_inside_the_outline(frame, one_site):
    rng = np.random.default_rng(2)
    for _ in range(200):
        tumour = tumours.draw_tumour(rng, frame, one_site)
        outline = tumour.cover(Plane(256, 0.0, STRAIGHT)) >= 0.5
        suv = paint(tumour.parts, Plane(256, 0.0, STRAIGHT), "suv")
        if outline.sum() > 150 and suv[128, 128] < 0.5 * np.median(suv[outline]):
            assert outline[128, 128]
            return
    pytest.fail("no tumour of 200 has a dead core")


def test_a_mass_at_the_mediastinum_reaches_into_it_by_a_centimetre_at_most():
    depth = np.linspace(0.5, 60, 400)
    sites = Sites(np.stack([depth, depth, depth], axis=1), depth, np.zeros(400, bool))
    for radius in (8.0, 20.0, 35.0):
        centres = [sites.draw(np.random.default_rng(i), "mediastinum", radius) for i in range(40)]
        assert all(-4 <= radius - centre[0] <= 13 for centre in centres)

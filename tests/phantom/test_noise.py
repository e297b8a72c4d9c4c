import numpy as np

from cipa.phantom.noise import SmoothNoise


def test_field_has_mean_near_0_and_spread_near_1():
    noise = SmoothNoise(np.random.default_rng(0), scale=8.0)
    values = np.stack([noise.plane(z, 256) for z in np.arange(0, 200, 11.3)])
    assert abs(values.mean()) < 0.05
    assert 0.8 < values.std() < 1.2


def test_field_changes_smoothly_from_slice_to_slice():
    noise = SmoothNoise(np.random.default_rng(0), scale=30.0)
    near = np.abs(noise.plane(50.0, 128) - noise.plane(53.0, 128)).mean()
    far = np.abs(noise.plane(50.0, 128) - noise.plane(150.0, 128)).mean()
    assert near < 0.35 * far


def test_field_is_continuous_across_its_own_lattice_planes():
    noise = SmoothNoise(np.random.default_rng(0), scale=30.0)
    heights = np.arange(-30, 100, 0.5)
    planes = np.stack([noise.plane(z, 32) for z in heights])
    assert np.abs(np.diff(planes, axis=0)).max() < 0.25


def test_field_is_the_same_at_every_image_size():
    noise = SmoothNoise(np.random.default_rng(3), scale=40.0)
    coarse = noise.plane(80.0, 128)
    averaged = noise.plane(80.0, 512).reshape(128, 4, 128, 4).mean((1, 3))
    assert np.abs(coarse - averaged)[2:-2, 2:-2].max() < 0.05

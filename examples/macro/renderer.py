"""Draws a scene made of points, the way a macro lens sees it.

Every surface is scattered into points about as dense as the pixels are. Light comes from a
handful of directions (the sky and a sun with some width); each has a shadow map, which gives soft
shadows and the darkness of crevices at once. The picture is then the mean of many quick views,
each through another place of the lens (Haeberli and Akeley, "The Accumulation Buffer", SIGGRAPH
1990): depth of field and smooth edges come for free, and so does translucency, for a point of
opacity 0.3 is simply there in three views out of ten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from. Lengths are those of the scene, angles in degrees."""

    target: tuple[float, float, float] = (0.0, 0.0, 1.0)
    azimuth: float = -60.0
    elevation: float = 30.0
    distance: float = 40.0
    field_of_view: float = 20.0
    aperture: float = 0.6
    focus: tuple[float, float, float] | None = None  # the point in focus; the target by default

    @property
    def position(self) -> np.ndarray:
        a, e = np.radians(self.azimuth), np.radians(self.elevation)
        direction = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        return np.asarray(self.target) + self.distance * direction

    @property
    def axes(self) -> np.ndarray:
        """Right, down and forward as rows (3, 3)."""
        forward = np.asarray(self.target) - self.position
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        return np.stack([right, down, forward])


@dataclass(frozen=True)
class Light:
    """A sun and a sky. Colours are linear RGB, angles in degrees."""

    azimuth: float = -100.0
    elevation: float = 50.0
    sun: Colour = (3.0, 2.8, 2.4)
    width: float = 8.0
    sky: Colour = (0.75, 0.85, 1.0)
    bounce: Colour = (0.20, 0.20, 0.12)  # light from below
    sun_samples: int = 10
    sky_samples: int = 30

    @property
    def direction(self) -> np.ndarray:
        a, e = np.radians(self.azimuth), np.radians(self.elevation)
        return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])

    def seen(self, direction: np.ndarray) -> np.ndarray:
        """The colour of the surroundings in `direction` (..., 3), as a shiny skin mirrors it."""
        z = direction[..., 2:]
        horizon = np.clip(0.5 + 2.0 * z, 0, 1)
        glow = np.clip(direction @ self.direction, 0, 1)[..., None]
        above = np.asarray(self.sky) * (0.55 + 0.9 * np.clip(z, 0, 1))
        above = above + np.asarray(self.sun) * (0.35 * glow**6 + 2.5 * glow**60)
        return horizon * above + (1 - horizon) * np.asarray(self.bounce)


@dataclass
class Sample:
    """Points scattered over a surface, in the grid (u, v in [0, 1]) and in space."""

    u: np.ndarray
    v: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    rng: np.random.Generator

    def __len__(self) -> int:
        return len(self.u)


Value = float | tuple | np.ndarray | Callable[[Sample], np.ndarray]


@dataclass
class Scene:
    """Collects points; `detail` is how many fall on a pixel that a surface faces."""

    camera: Camera
    width: int
    height: int
    seed: int = 0
    detail: float = 2.4
    parts: list[dict[str, np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.focal = (
            0.5 * max(self.width, self.height) / np.tan(np.radians(self.camera.field_of_view) / 2)
        )

    def scatter(self, grid: np.ndarray, density: float | None = None) -> Sample:
        """Spreads points evenly over a grid (rows, columns, 3).

        By default as many as the camera resolves. With a `density`, in points per unit of area,
        they fall at random, as hairs grow.
        """
        grid = np.asarray(grid, float)
        du, dv = np.gradient(grid, axis=0), np.gradient(grid, axis=1)
        normal = np.cross(du, dv)
        a, b = grid[1:, :-1] - grid[:-1, :-1], grid[:-1, 1:] - grid[:-1, :-1]
        c, d = grid[:-1, 1:] - grid[1:, 1:], grid[1:, :-1] - grid[1:, 1:]
        area = 0.5 * (
            np.linalg.norm(np.cross(a, b), axis=-1) + np.linalg.norm(np.cross(c, d), axis=-1)
        )
        if density is None:
            middle = 0.25 * (grid[1:, 1:] + grid[:-1, 1:] + grid[1:, :-1] + grid[:-1, :-1])
            weight = area * self._resolution(middle, normal[:-1, :-1])
        else:
            weight = area * density
        edges = np.cumsum(weight.ravel())
        count = int(edges[-1])
        if density is None:
            places = np.arange(count) + self.rng.random()
        else:
            places = np.sort(self.rng.random(count)) * edges[-1]
        cell = np.minimum(np.searchsorted(edges, places), weight.size - 1)
        i, j = np.divmod(cell, weight.shape[1])
        # The R2 sequence (Roberts, 2018) keeps neighbours apart, so that no pixel stays empty.
        k = np.arange(len(cell))
        s, t = (
            (self.rng.random() + k * 0.7548776662) % 1,
            (self.rng.random() + k * 0.5698402910) % 1,
        )

        def blend(values: np.ndarray) -> np.ndarray:
            top = values[i, j] * (1 - s)[:, None] + values[i + 1, j] * s[:, None]
            low = values[i, j + 1] * (1 - s)[:, None] + values[i + 1, j + 1] * s[:, None]
            return top * (1 - t)[:, None] + low * t[:, None]

        n = blend(normal)
        n /= np.linalg.norm(n, axis=1, keepdims=True) + 1e-12
        u, v = (i + s) / weight.shape[0], (j + t) / weight.shape[1]
        return Sample(u, v, blend(grid), n, self.rng)

    def _resolution(self, position: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Points per unit of area that the picture needs at `position`; none out of its frame."""
        local = (position - self.camera.position) @ self.camera.axes.T
        depth = np.maximum(local[..., 2], 0.05 * self.camera.distance)
        size = np.linalg.norm(normal, axis=-1) * np.linalg.norm(local, axis=-1) + 1e-12
        towards = np.sum(normal * (position - self.camera.position), -1) / size
        margin = 0.58 * self.width * depth / self.focal + 0.05 * self.camera.distance
        framed = (np.abs(local[..., :2]).max(-1) < margin) & (local[..., 2] > 0)
        per_area = self.detail * (self.focal / depth) ** 2
        return framed * per_area * np.clip(1.2 * np.abs(towards), 0.35, 1.0)

    def surface(
        self,
        grid: np.ndarray,
        colour: Value,
        *,
        gloss: Value = 0.04,
        roughness: Value = 0.4,
        transmission: Value = 0.0,
        opacity: Value = 1.0,
        bump: Callable[[Sample], np.ndarray] | None = None,
    ) -> Sample:
        """Adds a surface; each property is a value or a function of the points.

        Args:
            colour: linear RGB of what is scattered back.
            gloss: mirror reflection seen from the front (0.04 for most of nature).
            roughness: 0 for a mirror, 1 for chalk.
            transmission: share of the light behind that shines through.
            opacity: share of what is behind that the surface hides.
            bump: a vector (n, 3) added to the normals.
        """
        s = self.scatter(grid)
        normal = s.normal
        if bump is not None:
            normal = normal + bump(s)
            normal = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9)
        hidden = np.asarray(opacity(s) if callable(opacity) else opacity)
        # Some `detail` points share a pixel, and any of them hides what is behind.
        present = 1 - (1 - hidden) ** (1 / self.detail)
        self._add(s, normal, colour, gloss, roughness, transmission, present, 0.0)
        return s

    def hairs(
        self,
        roots: np.ndarray,
        directions: np.ndarray,
        length: np.ndarray | float,
        colour: Value,
        *,
        bend: np.ndarray | tuple = (0.0, 0.0, 0.0),
        thickness: float = 0.02,
        gloss: float = 0.15,
    ) -> None:
        """Adds hairs (n roots and directions, both (n, 3)), bent towards `bend` at the tips.

        Hairs thinner than a pixel are there in as many of the views as they would cover of it.
        """
        if len(roots) == 0:
            return
        length = np.broadcast_to(length, len(roots))
        depth = (roots - self.camera.position) @ self.camera.axes[2]
        steps = np.maximum(2, (1.6 * length * self.focal / depth).astype(int))
        root = np.repeat(np.arange(len(roots)), steps)
        first = np.repeat(np.cumsum(steps) - steps, steps)
        t = (np.arange(len(root)) - first + self.rng.random(len(root))) / steps[root]
        d, bent = directions[root], np.broadcast_to(bend, directions.shape)[root]
        reach = (length[root] * t)[:, None]
        position = roots[root] + reach * (d + bent * t[:, None])
        tangent = d + 2 * bent * t[:, None]
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
        s = Sample(t, root / len(roots), position, tangent, self.rng)
        cover = np.minimum(1.0, thickness * (1 - 0.6 * t) * self.focal / depth[root])
        self._add(s, tangent, colour, gloss, 0.5, 0.0, cover, 1.0)

    def _add(
        self, s: Sample, normal, colour, gloss, roughness, transmission, opacity, hair
    ) -> None:
        n = len(s)

        def column(value: Value, width: int) -> np.ndarray:
            value = np.asarray(value(s) if callable(value) else value, np.float32)
            if width == 1 and value.ndim == 1:
                value = value[:, None]
            return np.broadcast_to(value, (n, width)).astype(np.float32)

        self.parts.append(
            {
                "position": s.position.astype(np.float32),
                "normal": normal.astype(np.float32),
                "colour": column(colour, 3),
                "gloss": column(gloss, 1),
                "roughness": column(roughness, 1),
                "transmission": column(transmission, 1),
                "opacity": column(opacity, 1),
                "hair": column(hair, 1),
            }
        )

    def points(self) -> dict[str, np.ndarray]:
        return {k: np.concatenate([p[k] for p in self.parts]) for k in self.parts[0]}


def _unit(v: np.ndarray) -> np.ndarray:
    return v / (np.linalg.norm(v, axis=-1, keepdims=True) + 1e-9)


def _frame(direction: np.ndarray) -> np.ndarray:
    """Two directions across `direction`, as rows (2, 3)."""
    helper = np.array([1.0, 0, 0]) if abs(direction[0]) < 0.7 else np.array([0, 1.0, 0])
    a = _unit(np.cross(direction, helper))
    return np.stack([a, np.cross(direction, a)])


def _lit(
    position: np.ndarray, present: np.ndarray, direction: np.ndarray, cell: float
) -> np.ndarray:
    """Which points light from `direction` reaches: a shadow map of square cells, `cell` wide."""
    a, b = _frame(direction).astype(np.float32)
    x, y = position @ a / cell, position @ b / cell
    x, y = (x - x.min()).astype(np.int32), (y - y.min()).astype(np.int32)
    flat = y * (int(x.max()) + 1) + x
    depth = -(position @ direction.astype(np.float32))
    nearest = np.full(int(flat.max()) + 1, np.inf, np.float32)
    np.minimum.at(nearest, flat[present], depth[present])
    # Within two cells of the nearest is the same surface; between two and four, half of it.
    return np.clip(2.0 - (depth - nearest[flat]) / (2 * cell), 0, 1)


def _rays(light: Light, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """(direction, radiance times its share, is it the sun) of the light's samples."""
    rays = []
    across = _frame(light.direction)
    for k in range(light.sun_samples):
        r = np.tan(np.radians(light.width)) * np.sqrt((k + 0.5) / light.sun_samples)
        a = 2.39996 * k + rng.random()
        d = _unit(light.direction + r * (np.cos(a) * across[0] + np.sin(a) * across[1]))
        rays.append((d, np.asarray(light.sun) / light.sun_samples, True))
    for k in range(light.sky_samples):
        z = (k + 0.5) / light.sky_samples
        a = 2.39996 * k
        d = np.array([np.sqrt(1 - z * z) * np.cos(a), np.sqrt(1 - z * z) * np.sin(a), z])
        rays.append((d, np.asarray(light.sky) * 2 / light.sky_samples, False))
    return rays


def shade(scene: Scene, light: Light, p: dict[str, np.ndarray]) -> np.ndarray:
    """The colour of each point as the camera sees it: linear RGB (n, 3)."""
    position, normal, hair = p["position"], p["normal"], p["hair"]
    view = _unit(scene.camera.position.astype(np.float32) - position)
    facing = np.sum(normal * view, 1, keepdims=True)
    normal = np.where((facing < 0) & (hair < 0.5), -normal, normal)
    facing = np.abs(facing)
    cell = 1.3 * scene.camera.distance / scene.focal
    diffuse = np.zeros_like(position)
    shine = np.zeros_like(position)
    open_sky = np.zeros((len(position), 1), np.float32)
    for direction, radiance, is_sun in _rays(light, scene.rng):
        direction = direction.astype(np.float32)
        present = scene.rng.random(len(position)) < p["opacity"][:, 0]
        visible = _lit(position, present, direction, cell)[:, None]
        cosine = (normal @ direction)[:, None]
        strand = np.sqrt(np.maximum(0, 1 - cosine**2))
        flat = np.maximum(cosine, 0) + p["transmission"] * np.maximum(-cosine, 0)
        diffuse += visible * np.where(hair > 0.5, 0.7 * strand, flat) * radiance.astype(np.float32)
        if is_sun:
            half = _unit(view + direction)
            sharp = 2 / np.maximum(p["roughness"], 0.06) ** 3
            lobe = np.maximum(np.sum(normal * half, 1, keepdims=True), 0) ** sharp
            across = np.maximum(0, 1 - np.sum(normal * half, 1, keepdims=True) ** 2) ** 30
            lobe = np.where(hair > 0.5, across, lobe * (0.15 * sharp + 0.5))
            shine += visible * lobe * radiance.astype(np.float32)
        else:
            open_sky += visible / light.sky_samples
    diffuse += np.asarray(light.bounce, np.float32) * (0.25 + 0.75 * open_sky)
    mirrored = 2 * np.sum(normal * view, 1, keepdims=True) * normal - view
    fresnel = p["gloss"] + (1 - p["gloss"]) * 0.6 * (1 - np.clip(facing, 0, 1)) ** 5
    fresnel = np.where(hair > 0.5, 0.0, fresnel * (1 - 0.7 * p["roughness"]))
    around = light.seen(mirrored).astype(np.float32) * np.clip(1.6 * open_sky, 0, 1)
    return p["colour"] * diffuse + fresnel * around + p["gloss"] * shine


def render(scene: Scene, light: Light, backdrop: np.ndarray, views: int = 48) -> np.ndarray:
    """The picture: linear RGB (height, width, 3), over `backdrop` of the same shape."""
    p = scene.points()
    colour = shade(scene, light, p)
    camera = scene.camera
    local = (p["position"] - camera.position.astype(np.float32)) @ camera.axes.T.astype(np.float32)
    depth = np.maximum(local[:, 2], 1e-3)
    x, y = scene.focal * local[:, 0] / depth, scene.focal * local[:, 1] / depth
    focus = camera.target if camera.focus is None else camera.focus
    sharp = (np.asarray(focus) - camera.position) @ camera.axes[2]
    shift = (scene.focal * (1 / sharp - 1 / depth)).astype(np.float32)
    order = np.arange(len(depth), dtype=np.int64)
    near = (depth / depth.max() * (1 << 28)).astype(np.int64) << 33 | order
    total = np.zeros((scene.height * scene.width, 3), np.float64)
    for k in range(views):
        r, a = camera.aperture * np.sqrt((k + 0.5) / views), 2.39996 * k
        ox, oy = scene.rng.random(2)
        px = np.floor(x + r * np.cos(a) * shift + scene.width / 2 + ox - 0.5).astype(np.int32)
        py = np.floor(y + r * np.sin(a) * shift + scene.height / 2 + oy - 0.5).astype(np.int32)
        inside = (px >= 0) & (px < scene.width) & (py >= 0) & (py < scene.height)
        inside &= scene.rng.random(len(depth)) < p["opacity"][:, 0]
        nearest = np.full(scene.height * scene.width, np.iinfo(np.int64).max, np.int64)
        np.minimum.at(nearest, py[inside] * scene.width + px[inside], near[inside])
        hit = nearest < np.iinfo(np.int64).max
        view = backdrop.reshape(-1, 3).copy()
        view[hit] = colour[nearest[hit] & ((1 << 33) - 1)]
        total += np.minimum(view, 6.0)
    return (total / views).reshape(scene.height, scene.width, 3)


def develop(linear: np.ndarray, exposure: float, seed: int, grain: float = 0.012) -> np.ndarray:
    """Film: a filmic tone curve (Narkowicz's fit of ACES, 2015), a little vignette and grain.

    Returns: uint8 (h, w, 3).
    """

    h, w = linear.shape[:2]
    yy, xx = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    picture = linear * (1 - 0.14 * (xx**2 + yy**2))[..., None] * exposure
    x = 0.6 * picture
    picture = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1) ** (1 / 2.2)
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, grain, (h, w, 1)) + rng.normal(0, grain / 3, (h, w, 3))
    return (np.clip(picture + noise, 0, 1) * 255 + 0.5).astype(np.uint8)

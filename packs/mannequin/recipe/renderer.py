"""A small off-screen rasteriser on moderngl (EGL; Mesa's llvmpipe is enough).

Pictures come out as premultiplied RGBA, so that a background can be put behind them afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import moderngl
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from .light import Light

NEAR, FAR = 4.0, 120.0  # dm; what cameras see
VERTEX = """#version 330
in vec3 position; in vec3 normal; in vec2 uv; in vec3 rest;
uniform mat4 view_projection;
out vec3 v_normal; out vec2 v_uv; out vec3 v_rest; out vec3 v_world;
void main() {
  gl_Position = view_projection * vec4(position, 1.0);
  v_normal = normal; v_uv = uv; v_rest = rest; v_world = position;
}"""

# mode 0: texture * tint; 1: the texture's brightness recoloured with `tint`;
# 2: a pattern in rest-pose space (decimetres), shaded by the texture's brightness.
FRAGMENT = """#version 330
in vec3 v_normal; in vec2 v_uv; in vec3 v_rest; in vec3 v_world;
uniform sampler2D base; uniform sampler2D print_map;
uniform int mode; uniform vec3 tint; uniform float mean_light; uniform float relief;
uniform int pattern; uniform vec3 colour_a; uniform vec3 colour_b; uniform vec4 layout_;
uniform float shine; uniform float cutoff; uniform vec3 eye;
uniform vec3 key_direction; uniform vec3 key_colour; uniform vec3 sky; uniform vec3 ground;
out vec4 colour_out;

float band(float x) {  // a square wave of period 1, softened over one pixel
  float w = clamp(fwidth(x), 1e-4, 0.5);
  float d = abs(fract(x) - 0.5) - 0.25;
  return smoothstep(-w, w, d);
}
vec3 fabric() {
  vec2 q = (v_rest.xy - vec2(0.0, layout_.w)) / layout_.x + vec2(0.25, layout_.y);
  if (pattern == 1) return mix(colour_a, colour_b, band(q.y));
  if (pattern == 2) return mix(colour_a, colour_b, band(q.x));
  if (pattern == 3) return mix(colour_a, colour_b, 0.5 * (band(q.x) + band(q.y)));
  if (pattern == 4) {
    vec2 c = fract(q) - 0.5; float r = length(c); float w = max(fwidth(q.x), 1e-3);
    return mix(colour_b, colour_a, smoothstep(0.3 - w, 0.3 + w, r));
  }
  if (pattern == 5) return mix(colour_a, colour_b, step(v_rest.y, layout_.w - layout_.z));
  if (pattern == 6) return mix(colour_a, colour_b, texture(print_map, q * 0.25).r);
  if (pattern == 7) {
    float d = abs(v_rest.y - (layout_.w - layout_.z));
    return mix(colour_b, colour_a, step(0.45 * layout_.x, d));
  }
  if (pattern == 8) {
    vec2 c = vec2(v_rest.x, v_rest.y - (layout_.w - layout_.z)) / layout_.x;
    float r = layout_.y > 0.5 ? length(c) : max(abs(c.x), abs(c.y));
    return v_rest.z > 0.0 ? mix(colour_b, colour_a, step(0.75, r)) : colour_a;
  }
  if (pattern == 9) return texture(print_map, (v_rest.xy - layout_.xy) / layout_.zw).rgb;
  return colour_a;
}
void main() {
  vec4 c = texture(base, v_uv);
  float alpha = c.a;
  if (cutoff > 0.0) {
    if (alpha < cutoff) discard;
    alpha = clamp((alpha - cutoff) / 0.3 + 0.35, 0.0, 1.0);
  } else alpha = 1.0;
  float light = dot(c.rgb, vec3(0.3, 0.59, 0.11));
  vec3 albedo = c.rgb * tint;
  if (mode == 1) albedo = tint * clamp(light / mean_light, 0.3, 2.2);
  if (mode == 2) albedo = fabric() * mix(1.0, clamp(light / mean_light, 0.6, 1.3), relief);
  vec3 n = normalize(v_normal), v = normalize(eye - v_world);
  if (dot(n, v) < 0.0) n = -n;
  vec3 k = normalize(key_direction);
  vec3 lit = mix(ground, sky, 0.5 + 0.5 * n.y) + key_colour * max((dot(n, k) + 0.15) / 1.15, 0.0);
  float s = shine * pow(max(dot(n, normalize(k + v)), 0.0), 24.0);
  colour_out = vec4(albedo * lit + s * key_colour, alpha);
}"""


@dataclass(frozen=True)
class Camera:
    """Looks from `eye` to `target` (dm); `fov` is the vertical angle in degrees."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    fov: float = 26.0


@dataclass(frozen=True)
class Material:
    """How a part is coloured; see the fragment shader for the modes and patterns."""

    texture: Path
    mode: int = 0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mean_light: float = 1.0
    relief: float = 0.6
    pattern: int = 0
    colour_a: tuple[float, float, float] = (0.5, 0.5, 0.5)
    colour_b: tuple[float, float, float] = (0.9, 0.9, 0.9)
    layout: tuple[float, float, float, float] = (1.0, 0.0, 1.0, 0.0)
    print_seed: int | Path = 0  # of a drawn print, or a garment photo for pattern 9
    shine: float = 0.04
    cutoff: float = 0.0


@dataclass(eq=False)
class Part:
    """Uploaded geometry: `vertices` (N, 11) float32 = position, normal, uv, rest; `index` (M,)."""

    vertices: np.ndarray
    index: np.ndarray
    material: Material
    handles: list = field(default_factory=list)


def print_image(seed: int, size: int = 128) -> np.ndarray:
    """A tileable two-tone print (size, size) uint8: thresholded noise of one spatial scale."""
    rng = np.random.default_rng(seed)
    f = np.fft.fftfreq(size) * size
    radius = np.hypot(*np.meshgrid(f, f))
    ring = np.exp(-((radius - rng.uniform(4, 9)) ** 2) / 6.0)
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) * ring).real
    soft = np.clip((noise / noise.std() - rng.uniform(0.2, 0.8)) * 2 + 0.5, 0, 1)
    return (soft * 255).astype(np.uint8)


def _look_at(camera: Camera, aspect: float) -> np.ndarray:
    """The view-projection matrix (4, 4) and, in its caller's hands, the camera's axes."""
    eye, target = np.array(camera.eye), np.array(camera.target)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0, 1, 0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, forward), -forward])
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = axes, -axes @ eye
    t, near, far = 1 / np.tan(np.radians(camera.fov) / 2), NEAR, FAR
    projection = np.zeros((4, 4))
    projection[0, 0], projection[1, 1], projection[3, 2] = t / aspect, t, -1
    projection[2, 2:] = (far + near) / (near - far), 2 * far * near / (near - far)
    return projection @ view, axes


class Renderer:
    """Draws parts at any size; one framebuffer a size, textures cached for the process' life."""

    def __init__(self, samples: int = 4) -> None:
        self.gl = moderngl.create_context(standalone=True, backend="egl")
        self.program = self.gl.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self.program["base"].value, self.program["print_map"].value = 0, 1
        self.samples = samples  # 0: no multisampling, `supersample` alone smooths the edges
        self._targets: dict[tuple[int, int], tuple] = {}
        self._textures: dict[object, moderngl.Texture] = {}

    def _target(self, size: tuple[int, int]) -> tuple:
        if size not in self._targets:
            plain = self.gl.simple_framebuffer(size, 4)
            many = plain
            if self.samples:
                many = self.gl.framebuffer(
                    [self.gl.renderbuffer(size, 4, samples=self.samples)],
                    self.gl.depth_renderbuffer(size, samples=self.samples),
                )
            self._targets[size] = (many, plain)
        return self._targets[size]

    def _texture(self, key: int | Path) -> moderngl.Texture:
        if key not in self._textures:
            if isinstance(key, int):
                image = Image.fromarray(print_image(key)).convert("RGBA")
                if len(self._textures) > 400:  # prints are per garment: do not keep them for ever
                    for old in [k for k in self._textures if isinstance(k, int)]:
                        self._textures.pop(old).release()
            else:
                image = Image.open(key).convert("RGBA").transpose(Image.Transpose.FLIP_TOP_BOTTOM)
            texture = self.gl.texture(image.size, 4, image.tobytes())
            texture.build_mipmaps()
            texture.anisotropy = 8.0
            self._textures[key] = texture
        return self._textures[key]

    def upload(self, part: Part) -> None:
        vbo = self.gl.buffer(part.vertices.tobytes())
        ibo = self.gl.buffer(part.index.astype(np.int32).tobytes())
        layout = [(vbo, "3f 3f 2f 3f", "position", "normal", "uv", "rest")]
        part.handles = [self.gl.vertex_array(self.program, layout, ibo), vbo, ibo]

    @staticmethod
    def release(parts: list[Part]) -> None:
        for part in parts:
            for handle in part.handles:
                handle.release()
            part.handles = []

    def draw(
        self,
        parts: list[Part],
        camera: Camera,
        light: Light,
        size: tuple[int, int],
        supersample: int = 2,
        materials: dict[int, Material] | None = None,
    ) -> np.ndarray:
        """Draw to (height, width, 4) uint8, premultiplied; `materials` overrides parts by index."""
        big = (size[0] * supersample, size[1] * supersample)
        many, plain = self._target(big)
        many.use()
        self.gl.viewport = (0, 0, *big)
        self.gl.enable(moderngl.DEPTH_TEST | moderngl.BLEND)
        one, rest = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        self.gl.blend_func = (moderngl.SRC_ALPHA, rest, one, rest)
        many.clear(0, 0, 0, 0)
        matrix, axes = _look_at(camera, size[0] / size[1])
        p = self.program
        p["view_projection"].write(matrix.T.astype("f4").tobytes())
        p["eye"].value = tuple(map(float, camera.eye))
        p["key_direction"].value = tuple(map(float, np.array(light.direction) @ axes))
        p["key_colour"].value, p["sky"].value, p["ground"].value = (
            light.key,
            light.sky,
            light.ground,
        )
        for i, part in enumerate(parts):
            if not part.handles:
                self.upload(part)
            self._use_material((materials or {}).get(i, part.material))
            part.handles[0].render()
        if many is not plain:
            self.gl.copy_framebuffer(plain, many)
        raw = np.frombuffer(plain.read(components=4), np.uint8).reshape(big[1], big[0], 4)[::-1]
        raw = self._occluded(raw, plain)
        if supersample == 1:
            return raw.copy()
        s = supersample
        blocks = raw.reshape(size[1], s, size[0], s, 4).astype(np.uint16).sum((1, 3))
        return ((blocks + s * s // 2) // (s * s)).astype(np.uint8)

    @staticmethod
    def _occluded(raw: np.ndarray, buffer) -> np.ndarray:
        """Darkens what lies behind its neighbourhood: under the chin, between arm and body."""
        height, width = raw.shape[:2]
        depth = np.frombuffer(buffer.read(components=1, attachment=-1, dtype="f4"), np.float32)
        depth = depth.reshape(height, width)[::-1][::4, ::4]
        solid = (depth < 1).astype(np.float32)
        if not solid.any():
            return raw
        z = 2 * FAR * NEAR / (FAR + NEAR - (2 * depth - 1) * (FAR - NEAR)) * solid
        share = 1.0
        for sigma in (height / 200, height / 70):  # in quarter pixels: fine creases, broad shade
            around = gaussian_filter(z, sigma) / np.maximum(gaussian_filter(solid, sigma), 1e-3)
            share = share - 0.28 * np.clip((z - around - 0.02) / 0.45, 0, 1) * solid
        rows = np.minimum(np.arange(height) // 4, len(share) - 1)
        columns = np.minimum(np.arange(width) // 4, share.shape[1] - 1)
        out = raw.astype(np.float32)
        out[..., :3] *= gaussian_filter(share, 0.6)[rows][:, columns, None]
        return out.astype(np.uint8)

    def _use_material(self, m: Material) -> None:
        p = self.program
        self._texture(m.texture).use(0)
        self._texture(m.print_seed).use(1)
        p["mode"].value, p["pattern"].value = m.mode, m.pattern
        p["tint"].value, p["colour_a"].value, p["colour_b"].value = m.tint, m.colour_a, m.colour_b
        p["layout_"].value, p["mean_light"].value, p["relief"].value = (
            m.layout,
            m.mean_light,
            m.relief,
        )
        p["shine"].value, p["cutoff"].value = m.shine, m.cutoff

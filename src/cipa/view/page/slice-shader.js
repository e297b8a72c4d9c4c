/** What a slice shows, computed as it is drawn: no texture is computed anew when a window, a slider or a label changes. */

/** Texture units of ours, beyond those NiiVue keeps for itself. */
export const UNITS = { ct: 11, pet: 12, labels: 13, other: 14, palette: 15 };

/** Fragment shader of NiiVue's slices; `texPos` is the place in the box that the CT fills, 0 to 1 along R, A and S. */
export const SLICE_SHADER = `#version 300 es
precision highp int;
precision highp float;
uniform highp sampler3D ct;
uniform highp sampler3D pet;
uniform highp sampler3D labels;
uniform highp sampler3D other;
uniform highp sampler2D palette;
uniform mat4 toCt;       // texPos to texture coordinates
uniform mat4 toPet;
uniform mat4 toLabels;
uniform vec2 window;     // lowest HU shown, 1 / width
uniform vec4 petLook;    // 1 / highest SUV, share of PET, 1 hot or 0 inverted grey, 1 where there is PET
uniform vec3 labelLook;  // opacity of the inside, of the outline, of the other's outline
in vec3 texPos;
out vec4 color;

vec3 hot(float s) {
  return clamp(vec3(s * 2.6, s * 2.6 - 0.95, s * 4.0 - 3.0), 0.0, 1.0);
}

vec4 suvColour(vec3 place) {
  vec3 t = (toPet * vec4(place, 1.0)).xyz;
  if (petLook.w == 0.0 || any(lessThan(t, vec3(0.0))) || any(greaterThan(t, vec3(1.0)))) return vec4(0.0);
  float s = clamp(texture(pet, t).r * petLook.x, 0.0, 1.0);
  if (petLook.z == 0.0) return vec4(vec3(1.0 - s), petLook.y);
  return vec4(hot(s), petLook.y * clamp(s * 3.0, 0.0, 1.0)); // CT stays clear where there is no uptake
}

// Coloured where a neighbour on the screen belongs to another label.
bool rim(highp sampler3D map, vec3 t, float here, vec3 dx, vec3 dy) {
  return texture(map, t + dx).r != here || texture(map, t - dx).r != here
      || texture(map, t + dy).r != here || texture(map, t - dy).r != here;
}

void main() {
  vec3 t = (toLabels * vec4(texPos, 1.0)).xyz;
  vec3 dx = dFdx(t) * 1.5;
  vec3 dy = dFdy(t) * 1.5;
  vec3 shade = vec3(clamp((texture(ct, (toCt * vec4(texPos, 1.0)).xyz).r - window.x) * window.y, 0.0, 1.0));
  vec4 uptake = suvColour(texPos);
  shade = mix(shade, uptake.rgb, uptake.a);
  if (labelLook.x + labelLook.y > 0.0) {
    float label = texture(labels, t).r;
    if (label > 0.0) {
      vec4 paint = texture(palette, vec2((label * 255.0 + 0.5) / 256.0, 0.5));
      shade = mix(shade, paint.rgb, paint.a * (rim(labels, t, label, dx, dy) ? labelLook.y : labelLook.x));
    }
  }
  if (labelLook.z > 0.0) {
    float there = texture(other, t).r;
    if (there > 0.0 && rim(other, t, there, dx, dy)) shade = mix(shade, vec3(0.25, 0.9, 1.0), labelLook.z);
  }
  color = vec4(shade, 1.0);
}
`;

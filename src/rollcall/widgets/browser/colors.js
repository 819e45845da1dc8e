// SPDX-License-Identifier: Apache-2.0
// Colours that can be read (WCAG 2.2, contrast of 4.5:1), out of those that a theme names.

const WHITE = [255, 255, 255];
const BLACK = [17, 17, 17];
const DEFAULTS = {
  primary_color: "#007bff",
  secondary_color: "#6c757d",
  background_color: "#ffffff",
  text_color: "#333333",
};
const DARK = { background_color: "#16181d", text_color: "#e9eaed" };
const ENOUGH = 4.5;

const css = (color) => `rgb(${color.join(", ")})`;
const mix = (color, other, share) =>
  color.map((value, index) => Math.round(value + (other[index] - value) * share));

const luminance = (color) => {
  const [red, green, blue] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

const contrast = (one, other) => {
  const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
};

// The colour, or the nearest to it that can be read on another.
const readable = (color, ground) => {
  const goal = contrast(WHITE, ground) > contrast(BLACK, ground) ? WHITE : BLACK;
  let found = color;
  for (let share = 0.1; contrast(found, ground) < ENOUGH && share < 1.05; share += 0.1) {
    found = mix(color, goal, share);
  }
  return found;
};

// Red, green and blue of any colour that CSS knows; `probe` is an element of the page.
const channels = (value, probe) => {
  probe.style.color = "";
  probe.style.color = value;
  if (!probe.style.color) return null;
  const found = /^rgba?\((\d+), (\d+), (\d+)/.exec(getComputedStyle(probe).color);
  return found && found.slice(1).map(Number);
};

const palette = (theme, probe) => {
  const [primary, secondary, ground, text] = Object.keys(DEFAULTS).map(
    (name) => channels(theme[name], probe) || channels(DEFAULTS[name], probe),
  );
  // White on a strong colour is what people expect; a pale one takes black.
  const light = contrast(WHITE, primary) >= 3;
  const ink = readable(text, ground);
  return {
    fill: css(light ? readable(primary, WHITE) : primary),
    on: css(light ? WHITE : BLACK),
    ground: css(ground),
    ink: css(ink),
    soft: css(mix(ground, ink, 0.07)),
    line: css(mix(ground, ink, 0.18)),
    link: css(readable(primary, mix(ground, ink, 0.07))),
    muted: css(readable(secondary, ground)),
  };
};

// The palettes for light and for dark surroundings.
const palettes = (theme, probe) => {
  const ground = channels(theme.background_color, probe) || WHITE;
  const derived = luminance(ground) < 0.2 ? theme : { ...theme, ...DARK };
  const dark = theme.dark ? { ...derived, ...theme.dark } : derived;
  return { light: palette(theme, probe), dark: palette(dark, probe) };
};

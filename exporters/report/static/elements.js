"use strict";
// Elements and text. Names and words come from outside: they are set as text, never as HTML.

/** An element with attributes; a child that is a string becomes text. */
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

/** Text from outside, whose direction of writing stays its own. */
function outside(text, name = "bdi", attributes = {}) {
  return el(name, { dir: "auto", ...attributes }, text);
}

function byId(id) {
  return document.getElementById(id);
}

/** Stream time: 0:01:02.3 */
function clock(seconds, digits = 1) {
  const scale = 10 ** digits;
  const units = Math.round(seconds * scale);
  const whole = Math.floor(units / scale);
  const rest = digits ? "." + String(units % scale).padStart(digits, "0") : "";
  const pad = (number) => String(number).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}${rest}`;
}

function number(value, digits) {
  return value === null || !Number.isFinite(value) ? "–" : value.toFixed(digits);
}

function count(amount, noun) {
  return `${amount.toLocaleString("en")} ${noun}${amount === 1 ? "" : "s"}`;
}

const shades = new Map();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shades.clear());

/** A colour of the style sheet, which depends on light and dark. */
function color(name) {
  if (!shades.has(name)) shades.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return shades.get(name);
}

/** A function that may be called often, and runs once when `later` calls what it is given. */
function once(run, later = requestAnimationFrame) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    later(() => {
      isWaiting = false;
      run();
    });
  };
}

/** Scale a canvas to the pixels of the screen; returns its context, in CSS pixels. */
function sharp(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

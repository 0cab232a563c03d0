// Opens report pages in chromium and checks what no unit test can see:
//
//     node tests/browser/check.mjs PAGE.html… [--pictures DIR]
//
// * no request but for the file itself, and no message on the console
// * every figure has a picture that is not empty
// * no two texts of a picture overlap, and none reaches out of its picture
// * the page does not scroll sideways
// * text has a contrast of at least 4.5 with what is behind it (3 where it is large)
//
// at 1280 and 360 px, light and dark; and that the page's buttons work. `--pictures` keeps screenshots and a printed page.
// Needs node ≥ 18 and chromium, named by CHROMIUM or found as `chromium`; no packages. It speaks with chromium through
// pipes, so no port is opened.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const args = process.argv.slice(2);
const flag = args.indexOf("--pictures");
const pictures = flag < 0 ? null : resolve(args.splice(flag, 2)[1]);
if (args.length === 0) {
  console.error("usage: node check.mjs PAGE.html… [--pictures DIR]");
  process.exit(2);
}
if (pictures) mkdirSync(pictures, { recursive: true });

// The browser, and its protocol: JSON that ends with a zero byte.
const profile = mkdtempSync(join(tmpdir(), "check-"));
const browser = spawn(process.env.CHROMIUM ?? "chromium", [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", "--disable-extensions",
  "--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run", "--disable-dev-shm-usage", `--user-data-dir=${profile}`, "about:blank",
], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const waiting = new Map();
const listeners = new Set();
let nextId = 1;
let text = "";
browser.stdio[4].setEncoding("utf8").on("data", (chunk) => {
  const messages = (text + chunk).split("\0");
  text = messages.pop();
  for (const message of messages.map((json) => JSON.parse(json))) {
    if (message.id === undefined) {
      for (const listener of listeners) listener(message);
    } else {
      const { done, fail } = waiting.get(message.id);
      waiting.delete(message.id);
      message.error ? fail(new Error(message.error.message)) : done(message.result);
    }
  }
});
browser.on("error", (error) => { console.error(`cannot start chromium: ${error.message}`); process.exit(2); });
const send = (method, params = {}, sessionId = undefined) => new Promise((done, fail) => {
  const id = nextId++;
  waiting.set(id, { done, fail });
  browser.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
});

/** What is wrong with the page as it stands; runs in the page. */
function inspect() {
  const wrong = [];
  const name = (element) => `${element.tagName.toLowerCase()} "${element.textContent.trim().slice(0, 40)}"`;
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1
      && !e.parentElement.closest(".scroll, .picture, pre"));
    wrong.push(`the page scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}, because of ${wide.slice(-1).map(name)}`);
  }
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const found = Number(heading.tagName[1]);
    if (found > level + 1) wrong.push(`${name(heading)} comes behind a heading of level ${level}`);
    level = found;
  }
  for (const figure of document.querySelectorAll("figure")) {
    const at = `figure ${figure.id}`;
    const svg = figure.querySelector("svg");
    const marks = svg ? svg.querySelectorAll("path, rect, circle, line, polyline, polygon, text, image") : [];
    if (!svg || marks.length === 0 || svg.getBoundingClientRect().height < 20) { wrong.push(`${at}: no picture`); continue; }
    if (!figure.querySelector("figcaption")) wrong.push(`${at}: no caption`);
    const edge = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim() && getComputedStyle(t).visibility !== "hidden"
      && getComputedStyle(t).display !== "none").map((element) => ({ element, box: element.getBoundingClientRect() }));
    for (const { element, box } of texts) {
      if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > edge.bottom + 1) {
        wrong.push(`${at}: ${name(element)} reaches out of the picture`);
      }
    }
    // Boxes are as high as a line: texts that touch by less than a fifth of a line do not overlap.
    texts.forEach((a, i) => {
      for (const b of texts.slice(i + 1)) {
        const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
        const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
        if (wide > 0.5 && high > 0.2 * Math.min(a.box.height, b.box.height)) {
          wrong.push(`${at}: ${name(a.element)} and ${name(b.element)} overlap`);
        }
      }
    });
  }
  // Contrast, as WCAG 2 defines it.
  const parse = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    // In a picture: the last rectangle below the text's middle that was drawn before it.
    const box = element.getBoundingClientRect();
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    for (const rect of [...(element.closest("svg")?.querySelectorAll("rect") ?? [])].reverse()) {
      const r = rect.getBoundingClientRect();
      const before = rect.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
      const style = getComputedStyle(rect);
      const fill = parse(style.fill);
      const opaque = fill.length >= 3 && (fill[3] ?? 1) * Number(style.opacity) * Number(style.fillOpacity) > 0.95;
      if (before && opaque && r.left <= x && x <= r.right && r.top <= y && y <= r.bottom) return fill;
    }
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("script, style, title, desc") || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const inPicture = element.closest("svg") !== null;
    const [front, back] = [inPicture ? style.fill : style.color, behind(element)].map((c) => (typeof c === "string" ? parse(c) : c));
    if (front.length < 3) continue;
    const [low, high] = [luminance(front), luminance(back)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const key = `${front}|${back}`;
    if (ratio < least && !seen.has(key)) {
      seen.add(key);
      wrong.push(`contrast ${ratio.toFixed(2)} < ${least}: ${name(element)} (${front} on ${back})`);
    }
  }
  return wrong;
}

/** Uses what can be clicked; runs in the page. */
function use() {
  const wrong = [];
  const table = [...document.querySelectorAll("table.sortable")].find((t) => t.tBodies[0].rows.length > 1);
  if (table) {
    const numbers = (column) => [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value).filter((v) => v !== undefined).map(Number);
    const column = [...table.tBodies[0].rows[0].cells].findIndex((cell) => cell.dataset.value !== undefined);
    if (column >= 0) {
      const button = table.tHead.rows[0].cells[column].querySelector("button");
      button.click();
      if (numbers(column).some((x, i, all) => i > 0 && all[i - 1] > x)) wrong.push("a table is not sorted when its column is clicked");
      button.click();
      if (numbers(column).some((x, i, all) => i > 0 && all[i - 1] < x)) wrong.push("a table is not sorted downwards when clicked again");
    }
  }
  for (const box of document.querySelectorAll(".series")) {
    const button = box.querySelector("button");
    const marks = [...box.parentElement.querySelectorAll("svg [data-series]")].filter((mark) => mark.dataset.series === button.textContent);
    button.click();
    if (marks.some((mark) => getComputedStyle(mark).display !== "none")) wrong.push(`series ${button.textContent} is not hidden`);
    button.click();
    if (marks.some((mark) => getComputedStyle(mark).display === "none")) wrong.push(`series ${button.textContent} stays hidden`);
  }
  const before = getComputedStyle(document.body).backgroundColor;
  document.getElementById("theme").click();
  if (getComputedStyle(document.body).backgroundColor === before) wrong.push("the theme button changes nothing");
  document.getElementById("theme").click();
  if (getComputedStyle(document.body).backgroundColor !== before) wrong.push("the theme button does not change back");
  try { JSON.parse(document.getElementById("data").textContent); } catch (error) { wrong.push(`the data is no JSON: ${error.message}`); }
  return wrong;
}

async function check(file, wrong) {
  const url = pathToFileURL(resolve(file)).href;
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => send(method, params, sessionId);
  let loaded = () => {};
  const listener = (message) => {
    if (message.sessionId !== sessionId) return;
    const { method, params } = message;
    if (method === "Network.requestWillBeSent" && !params.request.url.startsWith(url) && !params.request.url.startsWith("data:")) {
      wrong.push(`request: ${params.request.url}`);
    }
    if (method === "Runtime.exceptionThrown") wrong.push(`exception: ${params.exceptionDetails.exception?.description ?? params.exceptionDetails.text}`);
    if (method === "Runtime.consoleAPICalled") wrong.push(`console: ${params.args.map((a) => a.value ?? a.description).join(" ")}`);
    if (method === "Log.entryAdded") wrong.push(`log: ${params.entry.text} ${params.entry.url ?? ""}`);
    if (method === "Page.loadEventFired") loaded();
  };
  listeners.add(listener);
  for (const domain of ["Page", "Network", "Runtime", "Log"]) await page(`${domain}.enable`);
  const run = async (of) => {
    const { result, exceptionDetails } = await page("Runtime.evaluate", { expression: `(${of})()`, returnByValue: true });
    return exceptionDetails ? [exceptionDetails.exception?.description ?? exceptionDetails.text] : result.value;
  };
  const open = "() => { document.querySelectorAll('details').forEach((d) => { d.open = true; }); return []; }";
  for (const javascript of [true, false]) {
    await page("Emulation.setScriptExecutionDisabled", { value: !javascript });
    for (const theme of ["light", "dark"]) {
      for (const width of [1280, 360]) {
        const at = `${width} px, ${theme}${javascript ? "" : ", no JavaScript"}`;
        await page("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }] });
        await page("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: width < 500 });
        const ready = new Promise((done) => { loaded = done; });
        const { errorText } = await page("Page.navigate", { url });
        if (errorText) { wrong.push(`cannot be opened: ${errorText}`); return; }
        await ready;
        wrong.push(...(await run(inspect)).map((what) => `${at}: ${what}`));
        if (javascript) {
          if (pictures) {
            const { data } = await page("Page.captureScreenshot", { captureBeyondViewport: true });
            writeFileSync(join(pictures, `${basename(file, ".html")}-${width}-${theme}.png`), Buffer.from(data, "base64"));
          }
          wrong.push(...(await run(use)).map((what) => `${at}: ${what}`));
        }
        await run(open);
        wrong.push(...(await run(inspect)).map((what) => `${at}, details open: ${what}`));
      }
    }
  }
  if (pictures) {
    const { data } = await page("Page.printToPDF", { printBackground: true });
    writeFileSync(join(pictures, `${basename(file, ".html")}.pdf`), Buffer.from(data, "base64"));
  }
  listeners.delete(listener);
  await send("Target.closeTarget", { targetId });
}

let failed = false;
for (const file of args) {
  const wrong = [];
  await check(file, wrong);
  const lines = [...new Set(wrong)];
  failed ||= lines.length > 0;
  console.log(lines.length === 0 ? `${file}: good` : `${file}:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}
await send("Browser.close");
await new Promise((done) => { browser.exitCode === null ? browser.on("exit", done) : done(); });
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
process.exit(failed ? 1 : 0);

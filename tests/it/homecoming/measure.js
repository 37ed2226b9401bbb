// Measures every page that stands in a frame: what overflows, what is too small or too pale.
const channel = (value) => {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
};
const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
const luminance = (colour) => {
  const [red, green, blue] = parts(colour).map(channel);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = at.ownerDocument.defaultView.getComputedStyle(at).backgroundColor;
    if (parts(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
const contrast = (element, colour) => {
  const [a, b] = [luminance(colour), luminance(ground(element))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
};
const measure = (frame) => {
  const page = frame.contentDocument;
  const style = (element) => frame.contentWindow.getComputedStyle(element);
  const texts = [...page.querySelectorAll("body *")].filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const button = page.querySelector("button");
  button?.focus();
  return {
    name: frame.title,
    width: page.documentElement.clientWidth,
    needed: page.documentElement.scrollWidth,
    headline: page.querySelector("h1").textContent,
    headings: page.querySelectorAll("h1,h2,h3").length,
    language: page.documentElement.lang,
    title: page.title,
    text: page.body.innerText,
    contrast: Math.min(...texts.map((element) => contrast(element, style(element).color))),
    sign: contrast(page.querySelector(".mark svg"), style(page.querySelector(".mark")).color),
    smallest: Math.min(...texts.map((element) => parseFloat(style(element).fontSize))),
    step: page.querySelector("[aria-current=step]")?.firstChild.data ?? "",
    button: button && {
      text: button.textContent,
      height: button.getBoundingClientRect().height,
      shown: style(button).display !== "none",
      outline: parseFloat(style(button).outlineWidth),
      method: button.form.method,
    },
    edges: ["left", "right"].map((side) => Math.round(page.querySelector("h1").getBoundingClientRect()[side])),
    ground: parts(style(page.body).backgroundColor).slice(0, 3),
  };
};
addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  document.querySelector("#measured").textContent = JSON.stringify(frames.map(measure));
});

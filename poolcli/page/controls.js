/** Controls: native inputs with their labels and values. */

/** Return an element with attributes, properties that begin with a dot among them, and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith(".")) made[key.slice(1)] = value;
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A slider: its value stays within its limits, which may change. */
export class Slider {
  constructor(label, { min, max, step = 1, name, title }, changed) {
    this.input = element("input", { type: "range", min, max, step, name, id: `slide-${name}` });
    this.output = element("output", { for: `slide-${name}` });
    this.node = element(
      "div",
      { class: "slide" },
      element("label", { for: `slide-${name}`, title }, label),
      this.input,
      this.output,
    );
    this.input.addEventListener("input", () => changed(Number(this.input.value)));
  }

  /** Show a value. */
  show(value, text = String(value), { min, max } = {}) {
    if (min !== undefined) this.input.min = min;
    if (max !== undefined) this.input.max = max;
    this.input.value = value;
    this.output.textContent = text;
    this.input.setAttribute("aria-valuetext", text);
  }
}

/** Return a select of choices [value, text]. */
export function choice(label, name, choices, changed) {
  const select = element("select", { id: `choose-${name}`, name });
  select.append(...choices.map(([value, text]) => element("option", { value }, text)));
  select.addEventListener("change", () => changed(select.value));
  return { node: element("div", { class: "slide" }, element("label", { for: select.id }, label), select), select };
}

/** Fill a fieldset with radio buttons of choices [value, text], and return a function that shows one as chosen. */
export function radios(fieldset, name, choices, changed) {
  const inputs = choices.map(([value, text]) => {
    const input = element("input", { type: "radio", name, value });
    input.addEventListener("change", () => changed(value));
    fieldset.append(element("label", {}, input, element("span", {}, text)));
    return input;
  });
  return (value) => inputs.forEach((input) => (input.checked = input.value === value));
}

/** Copy a text, and say so on a button and to those who hear the page. */
export async function copy(text, button) {
  const said = (await copied(text)) ? "Copied" : "Select and copy it";
  const before = button.dataset.text || button.textContent;
  button.dataset.text = before;
  button.textContent = said;
  document.getElementById("announced").textContent = `${said}: ${text}`;
  setTimeout(() => (button.textContent = before), 1500);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { ".value": text, class: "hidden" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

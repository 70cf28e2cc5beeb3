// How each type of task is answered. `makeAnswer` gives an object with `show(item, said)`, `take(value)`, `key(event)`, `submit()` and `help`.
import { makeBoxes } from "./boxes.js";
import { makeSpans } from "./spans.js";

const at = (id) => document.getElementById(id);
const MANY = 12;

export function makeAnswer(task, page) {
  const kinds = { class: oneClass, classes: manyClasses, number, spans, boxes, json };
  const picture = makePicture(page);
  const made = kinds[task.type](task, page, picture);
  const show = made.show;
  made.show = async (item, said) => {
    await picture.show(item);
    if (task.type !== "spans") showText(item.text);
    show(item, said);
  };
  made.help ??= [];
  return made;
}

// An answer in words.
export function showSaid(task, value) {
  if (value === null || value === undefined) return "cannot tell";
  if (task.type === "classes") return value.length ? value.join(", ") : "none of them";
  if (task.type === "spans" || task.type === "boxes") {
    const count = `${value.length} ${task.type === "spans" ? "span" : "box"}${value.length === 1 ? "" : task.type === "spans" ? "s" : "es"}`;
    return value.length ? `${count} (${[...new Set(value.map((each) => each.label))].join(", ")})` : "none";
  }
  return task.type === "json" ? JSON.stringify(value) : String(value);
}

export function classButtons(task, onChoice) {
  return task.classes.map(({ name, key }, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "class";
    button.dataset.name = name;
    button.style.setProperty("--hue", String((number * 137) % 360));
    const label = document.createElement("span");
    label.textContent = name;
    button.append(label);
    if (key) {
      const shown = document.createElement("kbd");
      shown.textContent = key;
      button.append(shown);
      button.setAttribute("aria-keyshortcuts", key);
    }
    button.addEventListener("pointerdown", (event) => event.preventDefault()); // the selection in a text stays
    button.addEventListener("click", () => onChoice(name));
    return button;
  });
}

export function classOf(task, event) {
  return task.classes.find(({ key }) => key && key.toLowerCase() === event.key.toLowerCase() && !(event.shiftKey && /^[a-z]$/i.test(event.key)))?.name;
}

export function saveButton(submit, text = "Save") {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "save";
  const key = document.createElement("kbd");
  key.textContent = "Enter";
  button.append(`${text} `, key);
  button.addEventListener("click", submit);
  return button;
}

function fill(parts) {
  at("answers").replaceChildren(...parts);
  at("answers").classList.toggle("many", parts.length > MANY);
  at("answers").addEventListener("submit", (event) => event.preventDefault());
}

function showText(text) {
  at("text").hidden = text === null || text === undefined;
  at("text").textContent = text ?? "";
}

// Enter saves, unless a button has the focus: then it is that button's.
function isSave(event) {
  return event.key === "Enter" && event.target.tagName !== "BUTTON" && event.target.tagName !== "TEXTAREA";
}

function range(task) {
  return task.classes.map(({ key }) => key).filter(Boolean).join(" ");
}

function oneClass(task, page) {
  const buttons = classButtons(task, (name) => page.send(name));
  fill(buttons);
  return {
    show: (_item, said) => buttons.forEach((button) => button.classList.toggle("said", said === button.dataset.name)),
    take: (value) => page.send(value),
    key: (event) => {
      const name = classOf(task, event);
      if (name !== undefined) page.send(name);
      return name !== undefined;
    },
    help: [[range(task), "answer; the next item comes at once"]],
  };
}

function manyClasses(task, page) {
  const chosen = new Set();
  const paint = () => buttons.forEach((button) => button.setAttribute("aria-pressed", String(chosen.has(button.dataset.name))));
  const toggle = (name) => {
    if (!chosen.delete(name)) chosen.add(name);
    paint();
  };
  const submit = () => page.send(task.classes.map(({ name }) => name).filter((name) => chosen.has(name)));
  const buttons = classButtons(task, toggle);
  fill([...buttons, saveButton(submit)]);
  const set = (names) => {
    chosen.clear();
    names.forEach((name) => chosen.add(name));
    paint();
  };
  return {
    show: (_item, said) => set(said ?? []),
    take: set,
    submit,
    key: (event) => {
      if (isSave(event)) return submit(), true;
      const name = classOf(task, event);
      if (name !== undefined) toggle(name);
      return name !== undefined;
    },
    help: [[range(task), "choose, or take the choice back"], ["Enter", "save; nothing chosen says that none of them applies"]],
  };
}

function number(task, page) {
  const label = document.createElement("label");
  const field = document.createElement("input");
  field.type = "number";
  field.step = "any";
  field.inputMode = "decimal";
  if (task.min !== null) field.min = task.min;
  if (task.max !== null) field.max = task.max;
  const bounds = [task.min !== null && `from ${task.min}`, task.max !== null && `to ${task.max}`].filter(Boolean).join(" ");
  label.append(`Number${bounds ? `, ${bounds}` : ""}`, field);
  const submit = () => {
    if (field.value === "" || !field.reportValidity()) return page.say("A number is needed.");
    return page.send(field.valueAsNumber);
  };
  fill([label, saveButton(submit)]);
  const set = (value) => {
    field.value = value ?? "";
    field.focus({ preventScroll: true });
    field.select();
  };
  return {
    show: (_item, said) => set(said),
    take: set,
    submit,
    key: (event) => isSave(event) && (submit(), true),
    help: [["Enter", "save the number"]],
  };
}

function json(_task, page) {
  const label = document.createElement("label");
  const field = document.createElement("textarea");
  field.rows = 5;
  field.spellcheck = false;
  label.append("Answer as JSON", field);
  const submit = () => {
    try {
      page.send(JSON.parse(field.value));
    } catch (error) {
      page.say(`This is no JSON: ${error.message}`);
    }
  };
  const save = saveButton(submit);
  save.querySelector("kbd").textContent = "Ctrl+Enter";
  fill([label, save]);
  const set = (value) => {
    field.value = value === null || value === undefined ? "" : JSON.stringify(value, null, 2);
    field.focus({ preventScroll: true });
  };
  return { show: (_item, said) => set(said), take: set, submit, key: () => false, help: [["Ctrl+Enter", "save"], ["Esc", "leave the field"]] };
}

function spans(task, page) {
  const board = makeSpans(at("text"), task, page);
  const submit = () => page.send(board.value());
  const buttons = classButtons(task, board.mark);
  fill([...buttons, board.list, saveButton(submit)]);
  return {
    show: (item, said) => {
      at("text").hidden = false;
      board.show(item.text ?? "", said ?? []);
    },
    take: board.set,
    submit,
    key: keysOf(task, board, submit),
    help: [
      ["← →", "select the word before or after; with Shift the selection grows"],
      ["[ ]", "end of the selection one character back or on; { } its start"],
      [range(task), "mark the selection (or select with the mouse)"],
      ["Del", "remove the marks of the selection"],
      ["Enter", "save; no marks say that there is nothing to mark"],
    ],
  };
}

/** Keys of a board that marks are made on: save, a class marks what is selected, all else is the board's. */
function keysOf(task, board, submit) {
  return (event) => {
    if (isSave(event)) return submit(), true;
    const name = classOf(task, event);
    if (name !== undefined) return board.mark(name), true;
    return board.key(event);
  };
}

function boxes(task, page, picture) {
  const board = makeBoxes(picture.frame, task, page);
  const submit = () => page.send(board.value());
  const buttons = classButtons(task, board.mark);
  fill([...buttons, board.list, saveButton(submit)]);
  return {
    show: (_item, said) => board.show(said ?? []),
    take: board.show,
    submit,
    key: keysOf(task, board, submit),
    help: [
      ["n", "new box (or drag one with the mouse)"],
      ["← ↑ → ↓", "move the box; with Shift its lower right corner"],
      [range(task), "kind of the box"],
      ["Tab", "on the list below: other boxes"],
      ["Del", "remove the box"],
      ["Enter", "save; no boxes say that there is nothing to mark"],
    ],
  };
}

// The image comes with the token in a header, so that no address of it works elsewhere.
function makePicture(page) {
  const frame = document.createElement("div");
  frame.className = "frame";
  const image = document.createElement("img");
  frame.append(image);
  at("image").replaceChildren(frame);
  let address = "";
  return {
    frame,
    show: async (item) => {
      if (address) URL.revokeObjectURL(address);
      address = "";
      at("image").hidden = !item.image;
      if (!item.image) return;
      try {
        address = URL.createObjectURL(await page.image(item.item));
        image.src = address;
        image.alt = `Image of the item ${item.item}`;
        await image.decode();
      } catch {
        image.removeAttribute("src");
        image.alt = "This image cannot be shown.";
      }
      image.classList.toggle("small", image.naturalWidth > 0 && image.naturalWidth < 200);
    },
  };
}

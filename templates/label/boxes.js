// Boxes on an image, in shares of it from its upper left corner.

const STEP = 0.01;
const LEAST = 0.005;
const round = (share) => Math.round(share * 1e4) / 1e4;
const within = (share, low, high) => Math.min(high, Math.max(low, share));

export function makeBoxes(frame, task, page) {
  const list = document.createElement("ul");
  list.className = "marks";
  list.setAttribute("aria-label", "Boxes");
  const hues = new Map(task.classes.map(({ name }, number) => [name, (number * 137) % 360]));
  let boxes = [];
  let chosen = null;
  let label = task.classes[0].name;
  let from = null;
  frame.classList.add("drawn");

  const share = (event) => {
    const area = frame.getBoundingClientRect();
    return [within((event.clientX - area.left) / area.width, 0, 1), within((event.clientY - area.top) / area.height, 0, 1)];
  };

  frame.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    from = { at: share(event), box: null };
  });
  frame.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = share(event);
    const [left, top] = [Math.min(x, from.at[0]), Math.min(y, from.at[1])];
    const [width, height] = [Math.abs(x - from.at[0]), Math.abs(y - from.at[1])];
    if (!from.box && Math.max(width, height) < STEP) return;
    if (!from.box) boxes.push((chosen = from.box = { label }));
    Object.assign(from.box, { x: left, y: top, width: Math.max(LEAST, width), height: Math.max(LEAST, height) });
    paint();
  });
  frame.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [x, y] = share(event);
    if (!from.box) chosen = boxes.findLast((box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height) ?? null;
    from = null;
    paint();
  });
  frame.addEventListener("pointercancel", () => (from = null));

  function paint() {
    frame.querySelectorAll(".box").forEach((box) => box.remove());
    for (const box of boxes) {
      const drawn = document.createElement("div");
      drawn.className = box === chosen ? "box chosen" : "box";
      drawn.dataset.label = box.label;
      drawn.style.setProperty("--hue", hues.get(box.label));
      for (const [side, name] of [["left", "x"], ["top", "y"], ["width", "width"], ["height", "height"]]) drawn.style[side] = `${box[name] * 100}%`;
      frame.append(drawn);
    }
    list.replaceChildren(...boxes.map(line));
    list.hidden = !boxes.length;
  }

  function line(box, number) {
    const entry = document.createElement("li");
    entry.style.setProperty("--hue", hues.get(box.label));
    const choose = document.createElement("button");
    choose.type = "button";
    choose.textContent = `${number + 1}: ${box.label}`;
    choose.setAttribute("aria-pressed", String(box === chosen));
    choose.addEventListener("click", () => {
      chosen = box;
      paint();
      list.querySelectorAll("button[aria-pressed]")[number]?.focus();
    });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove the box ${number + 1}: ${box.label}`);
    remove.addEventListener("click", () => drop(box));
    entry.append(choose, remove);
    return entry;
  }

  function drop(box) {
    boxes = boxes.filter((other) => other !== box);
    if (chosen === box) chosen = null;
    paint();
  }

  function mark(name) {
    label = name;
    if (chosen) chosen.label = name;
    page.say(chosen ? `This box is ${name}.` : `New boxes are ${name}.`);
    paint();
  }

  function key(event) {
    if (event.key.toLowerCase() === "n") {
      boxes.push((chosen = { x: 0.375, y: 0.375, width: 0.25, height: 0.25, label }));
      page.say(`New box in the middle: ${label}.`);
      return paint(), true;
    }
    if (event.key === "Delete" && chosen) return drop(chosen), true;
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const move = moves[event.key];
    if (!move || !chosen) return false;
    if (event.shiftKey) {
      chosen.width = within(chosen.width + move[0], LEAST, 1 - chosen.x);
      chosen.height = within(chosen.height + move[1], LEAST, 1 - chosen.y);
    } else {
      chosen.x = within(chosen.x + move[0], 0, 1 - chosen.width);
      chosen.y = within(chosen.y + move[1], 0, 1 - chosen.height);
    }
    return paint(), true;
  }

  // Rounded so that the far sides stay inside of the image.
  function rounded({ x, y, width, height, label: name }) {
    const [left, top] = [round(x), round(y)];
    return { x: left, y: top, width: round(Math.min(width, 1 - left)), height: round(Math.min(height, 1 - top)), label: name };
  }

  return {
    list,
    mark,
    key,
    value: () => boxes.map(rounded),
    show: (said) => {
      boxes = said.map((box) => ({ ...box }));
      chosen = null;
      label = task.classes[0].name;
      paint();
    },
  };
}

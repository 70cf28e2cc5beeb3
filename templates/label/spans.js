// Spans of a text. Places are characters (code points) from 0, the end exclusive, as events have them; the browser counts UTF-16 units.

export function makeSpans(place, task, page) {
  const list = document.createElement("ul");
  list.className = "marks";
  list.setAttribute("aria-label", "Marks");
  let signs = [];
  let words = [];
  let spans = [];
  let chosen = null;
  const hues = new Map(task.classes.map(({ name }, number) => [name, (number * 137) % 360]));
  place.tabIndex = 0;
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", "Text; arrow keys select words");
  document.addEventListener("selectionchange", () => {
    const found = selected();
    if (found) chosen = found; // not painted: that would end a selection by touch
  });
  place.addEventListener("pointerup", () => setTimeout(() => selected() || (chosen && paint())));

  const text = (start, end) => signs.slice(start, end).join("");
  const order = () => spans.sort((one, other) => one.start - other.start || one.end - other.end || (one.label < other.label ? -1 : 1));

  function selected() {
    const selection = document.getSelection();
    if (!selection?.rangeCount || selection.isCollapsed || !place.contains(selection.anchorNode) || !place.contains(selection.focusNode)) return null;
    const range = selection.getRangeAt(0);
    const before = document.createRange();
    before.selectNodeContents(place);
    before.setEnd(range.startContainer, range.startOffset);
    const start = Array.from(before.toString()).length;
    return trimmed(start, start + Array.from(range.toString()).length);
  }

  function trimmed(start, end) {
    while (start < end && !signs[start].trim()) start += 1;
    while (end > start && !signs[end - 1].trim()) end -= 1;
    return start < end ? { start, end } : null;
  }

  function paint() {
    const cuts = [...new Set([0, signs.length, ...spans.flatMap(({ start, end }) => [start, end]), ...(chosen ? [chosen.start, chosen.end] : [])])].sort((one, other) => one - other);
    const parts = cuts.slice(0, -1).map((start, number) => {
      const end = cuts[number + 1];
      const over = spans.filter((span) => span.start <= start && end <= span.end);
      const part = document.createElement(over.length ? "mark" : "span");
      part.textContent = text(start, end);
      if (chosen && chosen.start <= start && end <= chosen.end) part.classList.add("chosen");
      if (over.length) {
        part.style.setProperty("--hue", hues.get(over.at(-1).label));
        part.dataset.label = over.filter((span) => span.end === end).map((span) => span.label).join(", ");
        part.title = over.map((span) => span.label).join(", ");
      }
      return part;
    });
    document.getSelection()?.removeAllRanges();
    place.replaceChildren(...parts);
    list.replaceChildren(...spans.map(line));
    list.hidden = !spans.length;
  }

  function line(span) {
    const entry = document.createElement("li");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove the mark ${span.label}: ${text(span.start, span.end)}`);
    remove.addEventListener("click", () => {
      spans = spans.filter((other) => other !== span);
      paint();
    });
    const said = document.createElement("span");
    said.textContent = `${span.label}: ${text(span.start, span.end)}`;
    entry.style.setProperty("--hue", hues.get(span.label));
    entry.append(said, remove);
    return entry;
  }

  function choose(start, end) {
    chosen = { start, end };
    paint();
    place.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
    page.say(`Selected: ${text(start, end)}`);
  }

  function step(forward, grow) {
    if (!words.length) return;
    const last = words.length - 1;
    if (!chosen) return choose(...words[forward ? 0 : last]);
    const next = forward ? words.find(([start]) => start >= chosen.end) : words.findLast(([, end]) => end <= chosen.start);
    if (grow && forward) return next && choose(chosen.start, next[1]);
    if (grow) {
      const shorter = words.findLast(([start, end]) => end < chosen.end && start >= chosen.start);
      return shorter && choose(chosen.start, shorter[1]);
    }
    return next && choose(...next);
  }

  function mark(label) {
    if (!chosen) return page.say("Select something in the text first.");
    const { start, end } = chosen;
    const same = spans.find((span) => span.start === start && span.end === end && span.label === label);
    spans = same ? spans.filter((span) => span !== same) : [...spans, { start, end, label }];
    order();
    page.say(`${same ? "Removed" : "Marked"} ${label}: ${text(start, end)}`);
    return paint();
  }

  function key(event) {
    if (event.target.tagName === "BUTTON" && event.key !== "Delete") return false;
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") return step(event.key === "ArrowRight", event.shiftKey), true;
    if (event.key === "Delete" && chosen) {
      spans = spans.filter((span) => span.end <= chosen.start || span.start >= chosen.end);
      return paint(), true;
    }
    const moves = { "[": [0, -1], "]": [0, 1], "{": [-1, 0], "}": [1, 0] };
    const move = moves[event.key];
    if (!move || !chosen) return false;
    const start = Math.max(0, chosen.start + move[0]);
    const end = Math.min(signs.length, chosen.end + move[1]);
    if (start < end) choose(start, end);
    return true;
  }

  function set(value) {
    spans = value.map(({ start, end, label }) => ({ start, end, label }));
    order();
    paint();
  }

  return {
    list,
    mark,
    key,
    set,
    value: () => spans.map((span) => ({ ...span })),
    show: (whole, said) => {
      signs = Array.from(whole);
      words = [];
      let start = null;
      signs.forEach((sign, number) => {
        const inside = /[\p{L}\p{N}\p{M}'’_-]/u.test(sign);
        if (inside && start === null) start = number;
        if (!inside && start !== null) words.push([start, number]);
        if (!inside) start = null;
      });
      if (start !== null) words.push([start, signs.length]);
      chosen = null;
      set(said);
    },
  };
}

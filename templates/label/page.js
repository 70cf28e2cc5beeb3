// The page of `mlops-kit label serve`: asks for an item, shows it, sends the answer, and says so only when it is on the disk.
import { makeAnswer, showSaid } from "./answers.js";

const PENDING = "pending-answer";
const RETRY_MS = 1000;
const COMMANDS = { cannot: "x", later: "s", undo: "u", note: "c", guidelines: "g", prelabel: "p" };
const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
const at = (id) => document.getElementById(id);
const state = { task: null, item: null, said: null, answer: null, busy: true, since: 0, away: 0, hiddenAt: 0, keys: {} };

class Gone extends Error {}
class Refused extends Error {
  constructor(status, told) {
    super([told.error, told.fix].filter(Boolean).join(" — ") || `status ${status}`);
    this.status = status;
  }
}

async function ask(method, path, body) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Gone();
  }
  if (path.startsWith("/api/image") && response.ok) return response.blob();
  let told;
  try {
    told = await response.json();
  } catch {
    throw new Gone(); // the server went away in the middle of its answer
  }
  if (!response.ok) throw new Refused(response.status, told);
  return told;
}

// Ask until there is an answer: a server that was killed comes back under the same address.
async function askOn(method, path, body) {
  for (;;) {
    try {
      const told = await ask(method, path, body);
      trouble("");
      return told;
    } catch (error) {
      if (!(error instanceof Gone) && error.status !== 503) throw error;
      const waits = sessionStorage.getItem(PENDING) ? "Your last answer is kept in this page and is not saved yet. " : "";
      trouble(`The server does not answer. ${waits}Start “mlops-kit label serve” again; this page goes on by itself.`);
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

function say(text) {
  at("said").textContent = text;
}

async function act(work) {
  if (state.busy) return;
  state.busy = true;
  document.body.classList.add("busy");
  try {
    await work();
  } catch (error) {
    sessionStorage.removeItem(PENDING);
    if (error.status === 409 || error.status === 404) await show(await askOn("GET", "/api/next"));
    trouble(error.status === 401 ? "This address is not valid any more. Open the one that “mlops-kit label serve” has printed." : error.message);
  } finally {
    state.busy = false;
    document.body.classList.remove("busy");
  }
}

async function send(value) {
  const body = { item: state.item.item, content: state.item.content, value, seconds: seconds(), guideline: state.task.guidelines.version ?? undefined };
  const comment = at("comment").value.trim();
  if (comment) body.reason = comment;
  await act(async () => {
    sessionStorage.setItem(PENDING, JSON.stringify(body));
    const told = await askOn("POST", "/api/answer", body);
    sessionStorage.removeItem(PENDING);
    say(`Saved: ${showSaid(state.task, value)}.`);
    await show(told.next);
  });
}

const later = () => act(async () => show(await askOn("POST", "/api/skip", { item: state.item.item })));

const undo = () => act(async () => {
  const told = await askOn("POST", "/api/undo", {});
  say(`Taken back: ${showSaid(state.task, told.said)}.`);
  await show(told, { said: told.said });
});

function seconds() {
  const hidden = document.hidden ? performance.now() - state.hiddenAt : 0;
  return Math.max(0, Math.round((performance.now() - state.since - state.away - hidden) / 100) / 10);
}

async function show(told, { said = null } = {}) {
  if (told.guideline !== state.task.guidelines.version) await fetchTask({ changed: true });
  const { total, complete, own } = told.progress;
  at("bar").max = Math.max(1, total);
  at("bar").value = complete;
  at("told").textContent = `${own} by you · ${complete} of ${total} complete`;
  state.item = told.item;
  at("main").hidden = !told.item;
  at("end").hidden = Boolean(told.item);
  trouble("");
  at("comment").value = "";
  toggleComment(false);
  state.since = performance.now();
  state.away = 0;
  state.hiddenAt = performance.now();
  if (!told.item) return;
  showCells(told.item.cells);
  showPrelabel(told.item.prelabel);
  showVotes(told.item.votes);
  await state.answer.show(told.item, said);
  if (said !== null) say(`You said: ${showSaid(state.task, said)}. Answer again.`);
  window.scrollTo(0, 0);
}

function showCells(cells) {
  const rows = cells.flatMap(({ column, value }) => {
    const name = document.createElement("dt");
    name.textContent = column;
    const text = document.createElement("dd");
    text.textContent = value ?? "missing";
    text.classList.toggle("missing", value === null);
    return [name, text];
  });
  at("cells").replaceChildren(...rows);
  at("cells").hidden = !rows.length;
}

function showPrelabel(prelabel) {
  at("prelabel").hidden = !prelabel;
  if (!prelabel) return;
  const sure = typeof prelabel.probability === "number" ? ` (${Math.round(prelabel.probability * 100)} %)` : "";
  const text = document.createElement("span");
  text.textContent = `The model says: ${showSaid(state.task, prelabel.value)}${sure} `;
  const take = document.createElement("button");
  take.type = "button";
  take.append("Take it ", key(state.keys.prelabel));
  take.addEventListener("click", takePrelabel);
  at("prelabel").replaceChildren(text, take);
}

function takePrelabel() {
  if (state.item?.prelabel) state.answer.take(state.item.prelabel.value);
}

function showVotes(votes) {
  at("votes").hidden = !votes.length;
  const list = document.createElement("ul");
  for (const { annotator, value } of votes) {
    const line = document.createElement("li");
    line.textContent = `${annotator}: ${showSaid(state.task, value)}`;
    list.append(line);
  }
  at("votes").replaceChildren("Votes", list);
}

function toggleComment(open) {
  at("comments").hidden = !open;
  at("note").setAttribute("aria-expanded", String(open));
  if (open) at("comment").focus();
}

function key(name) {
  const made = document.createElement("kbd");
  made.textContent = name;
  return made;
}

async function fetchTask({ changed = false } = {}) {
  const task = await askOn("GET", "/api/task");
  if (state.task && JSON.stringify(task.guidelines) !== JSON.stringify(state.task.guidelines) && changed)
    say(`The guidelines have changed: version ${task.guidelines.version ?? "unknown"}.`);
  state.task = task;
  at("question").textContent = task.question;
  document.title = `${task.question} · ${task.annotator}`;
  at("guidelines-title").textContent = task.guidelines.version ? `Guidelines, version ${task.guidelines.version}` : "Guidelines";
  at("open-guidelines").hidden = !task.guidelines.text;
  at("guidelines-text").replaceChildren(...paragraphs(task.guidelines.text));
}

// Headings, lists and paragraphs of the guidelines; everything else stays as it is written.
function paragraphs(text) {
  const made = [];
  let list = null;
  for (const line of text.split("\n")) {
    const heading = /^(#{1,4})\s+(.*)/.exec(line);
    const entry = /^\s*(?:[-*]|\d+\.)\s+(.*)/.exec(line);
    if (entry) {
      list ??= made[made.push(document.createElement("ul")) - 1];
      list.append(inline(document.createElement("li"), entry[1]));
      continue;
    }
    const goesOn = line.trim() && !heading && (list?.lastChild ?? (made.at(-1)?.tagName === "P" ? made.at(-1) : null));
    if (goesOn && made.at(-1).dataset.open !== "no") inline(goesOn, ` ${line.trim()}`);
    else {
      list = null;
      if (heading) made.push(inline(document.createElement("h3"), heading[2]));
      else if (line.trim()) made.push(inline(document.createElement("p"), line.trim()));
      else if (made.length) made.at(-1).dataset.open = "no";
    }
  }
  return made;
}

function inline(element, text) {
  text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).forEach((part) => {
    const tag = /^`.+`$/.test(part) ? ["code", 1] : /^\*\*.+\*\*$/.test(part) ? ["strong", 2] : null;
    if (!tag) return element.append(part);
    const made = document.createElement(tag[0]);
    made.textContent = part.slice(tag[1], -tag[1]);
    return element.append(made);
  });
  return element;
}

// A class may have the key of a command: the command then needs Shift.
function chooseKeys() {
  const taken = new Set(state.task.classes.map((each) => each.key?.toLowerCase()).filter(Boolean));
  for (const [command, letter] of Object.entries(COMMANDS)) state.keys[command] = taken.has(letter) ? `Shift+${letter}` : letter;
  for (const [command, id] of [["cannot", "cannot"], ["later", "later"], ["undo", "undo"], ["undo", "undo-end"], ["note", "note"], ["guidelines", "open-guidelines"]]) {
    at(id).querySelector("kbd").textContent = state.keys[command];
    at(id).setAttribute("aria-keyshortcuts", state.keys[command]);
  }
  const lines = [
    ...state.answer.help,
    [state.keys.cannot, "cannot tell: this is recorded, and another annotator is asked"],
    [state.keys.later, "later: this item comes again at the end"],
    [state.keys.undo, "undo (Backspace too): take the last answer back and answer again"],
    [state.keys.note, "comment, which is saved with the answer; Esc leaves it"],
    [state.keys.prelabel, "take what the model says"],
    [state.keys.guidelines, "guidelines"],
    ["?", "these keys"],
  ];
  at("keys").replaceChildren(...lines.flatMap(([name, meaning]) => {
    const term = document.createElement("dt");
    term.append(key(name));
    const text = document.createElement("dd");
    text.textContent = meaning;
    return [term, text];
  }));
}

function pressed(event) {
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const name = event.shiftKey && /^[a-z]$/.test(letter) ? `Shift+${letter}` : letter;
  return Object.keys(state.keys).find((command) => state.keys[command] === name);
}

const RUN = {
  cannot: () => state.item && send(null),
  later: () => state.item && later(),
  undo,
  note: () => state.item && toggleComment(true),
  guidelines: () => !at("open-guidelines").hidden && at("guidelines").showModal(),
  prelabel: takePrelabel,
};

function onKey(event) {
  if (event.ctrlKey && event.key === "Enter" && state.item) return run(event, () => state.answer.submit?.());
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return undefined;
  const field = event.target.closest?.("input, textarea");
  if (field && event.key === "Escape") return run(event, () => field.blur());
  const typed = field && (field.type !== "number" || /^[\d.,eE+-]$|^Backspace$|^Delete$|^Arrow|^Home$|^End$|^Tab$/.test(event.key));
  if (typed) return undefined;
  if (event.repeat && !event.key.startsWith("Arrow")) return undefined;
  if (event.key === "?") return run(event, () => at("help").showModal());
  if (state.item && !state.busy && state.answer.key(event)) return event.preventDefault();
  const command = event.key === "Backspace" ? "undo" : pressed(event);
  return command ? run(event, RUN[command]) : undefined;
}

function run(event, work) {
  event.preventDefault();
  work();
}

async function start() {
  if (!token) return trouble("The token is missing: open the whole address that “mlops-kit label serve” has printed.");
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) state.hiddenAt = performance.now();
    else state.away += performance.now() - state.hiddenAt;
  });
  at("cannot").addEventListener("click", RUN.cannot);
  at("later").addEventListener("click", RUN.later);
  at("undo").addEventListener("click", undo);
  at("undo-end").addEventListener("click", undo);
  at("note").addEventListener("click", () => toggleComment(at("comments").hidden));
  at("open-guidelines").addEventListener("click", RUN.guidelines);
  at("open-help").addEventListener("click", () => at("help").showModal());
  window.addEventListener("hashchange", () => location.reload());
  state.busy = false;
  return act(async () => {
    await fetchTask();
    state.answer = makeAnswer(state.task, { send, say, image: (item) => ask("GET", `/api/image?item=${encodeURIComponent(item)}`) });
    chooseKeys();
    const kept = sessionStorage.getItem(PENDING); // an answer that the page was closed with
    if (kept) await askOn("POST", "/api/answer", JSON.parse(kept));
    sessionStorage.removeItem(PENDING);
    await show(await askOn("GET", "/api/next"));
  });
}

start();

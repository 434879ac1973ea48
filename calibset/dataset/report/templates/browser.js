"use strict";
(() => {
  const [CONTROL, BEYOND, SPELLED] = [1, 2, 4];
  const KINDS = ["between documents", "whole", "part", "filler, cut"];
  const at = (id) => document.getElementById(id);
  const rows = JSON.parse(at("rows-data").textContent);
  const names = Array.from(at("source").options).slice(1).map((option) => option.dataset.name);
  const steps = Array.from(document.querySelectorAll("[data-step]"));
  let shown = rows.map((_, index) => index);
  let position = 0;

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const counted = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

  const piece = ([flags, text]) => {
    const classes = [];
    if (flags & CONTROL) classes.push("control");
    if (flags & BEYOND) classes.push("beyond");
    if (flags & SPELLED) classes.push("spelled");
    return classes.length ? element("span", classes.join(" "), text) : document.createTextNode(text);
  };

  const segment = ([id, kind, pieces], cut) => {
    const block = element("section", "segment");
    const head = element("h3", "border");
    if (id) head.append(element("bdi", "id", id), " ");
    head.append(element("span", "what", KINDS[kind]));
    const body = element("div", "text");
    body.dir = "auto";
    for (const one of pieces) {
      if (one[0] & BEYOND && !cut.done) {
        cut.done = true;
        body.append(element("span", "cut", "the quantizer reads up to here"));
      }
      body.append(piece(one));
    }
    if (kind || pieces.some(([, text]) => text.trim())) block.append(head);
    block.append(body);
    return block;
  };

  const show = () => {
    const row = rows[shown[position]];
    const box = at("row");
    box.textContent = "";
    for (const button of steps) {
      button.disabled = Number(button.dataset.step) < 0 ? position <= 0 : position >= shown.length - 1;
    }
    if (!row) {
      at("status").textContent = "No rows.";
      return;
    }
    const [number, tokens, source, segments] = row;
    at("number").value = number;
    const documents = segments.filter(([, kind]) => kind).length;
    const status = at("status");
    status.textContent = "";
    status.append(
      `Row ${number} · `, element("bdi", "", names[source]),
      ` · ${counted(tokens, "token")} · ${counted(documents, "document")}`,
      shown.length < rows.length ? ` · ${position + 1} of ${shown.length} of this source` : "",
    );
    const cut = { done: false };
    for (const one of segments) box.append(segment(one, cut));
  };

  const filter = (source) => {
    shown = rows.map((_, index) => index).filter((index) => source < 0 || rows[index][2] === source);
  };

  // The row of this number, or the one after it that is here.
  const seek = (number) => {
    const found = shown.findIndex((index) => rows[index][0] >= number);
    position = found < 0 ? Math.max(0, shown.length - 1) : found;
  };

  at("source").addEventListener("change", () => {
    const source = Number(at("source").value);
    const before = shown.length ? rows[shown[position]][0] : 1;
    filter(source);
    // A source's first row; back among all, the row that is shown stays.
    seek(source < 0 ? before : 1);
    show();
  });
  at("number").addEventListener("change", () => {
    const number = Math.trunc(Number(at("number").value)) || 1;
    const asked = rows.find((row) => row[0] === number);
    if (asked && Number(at("source").value) >= 0 && asked[2] !== Number(at("source").value)) {
      at("source").value = "-1";
      filter(-1);
    }
    seek(number);
    show();
  });
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  for (const button of steps) {
    button.addEventListener("click", () => {
      position = Math.min(shown.length - 1, Math.max(0, position + Number(button.dataset.step)));
      show();
      if (!button.id) at("browser").scrollIntoView();
    });
  }
  at("no-script").hidden = true;
  at("browser").hidden = false;
  show();
})();

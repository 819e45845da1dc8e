// SPDX-License-Identifier: Apache-2.0
// A part of Markdown, made into nodes one by one: nothing that is said here is ever read as HTML.

const DEEPEST = 6;

const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};

// An address that a link may lead to, as the browser reads it; null: none.
const address = (text) => {
  // What no address has unescaped, some browsers take for a part of a host's name.
  if (/[\s"<>\\^`{|}]/.test(text)) return null;
  try {
    const url = new URL(text);
    // What stands before an @ looks like the host and is not.
    const disguised = /^http/.test(url.protocol) && (url.username || url.password);
    return /^(https?|mailto):$/.test(url.protocol) && !disguised ? url.href : null;
  } catch {
    return null;
  }
};

const anchor = (href) =>
  make("a", { href, rel: "noopener noreferrer nofollow", target: "_blank", dir: "auto" });

const WORD = /[\p{L}\p{N}]/u;
const PLAIN = /[^\\`*_[!\nh]+/y;
const LABEL = /!?\[([^[\]]*)\]\(/y;
const TARGET = /<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+"[^"\n]*")?\s*\)/y;
const BARE = /https?:\/\/[^\s<>"`]+/y;

// An address without the punctuation of the sentence that it ends.
const trimmed = (url) => {
  const stops = url.includes("(") ? ".,;:!?'*_~]" : ".,;:!?'*_~])";
  let end = url.length;
  while (stops.includes(url[end - 1])) end -= 1;
  return url.slice(0, end);
};

const match = (pattern, text, at) => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

// Where a run of marks ends a code span that began before; -1: nowhere.
const codeEnd = (text, marks, from) => {
  for (let at = text.indexOf(marks, from); at >= 0; ) {
    let after = at + marks.length;
    if (text[after] !== "`") return at;
    while (text[after] === "`") after += 1;
    at = text.indexOf(marks, after);
  }
  return -1;
};

// Where an emphasis ends that began before; -1: nowhere.
const emphasisEnd = (text, mark, from) => {
  let at = text.indexOf(mark, from);
  while (at >= 0) {
    const after = text[at + mark.length] || "";
    if (mark.length === 1 && after === mark) {
      at = text.indexOf(mark, at + 2);
      continue;
    }
    const closes = at > from && !/\s/.test(text[at - 1]) && text[at - 1] !== "\\";
    if (closes && !(mark[0] === "_" && WORD.test(after))) return at;
    at = text.indexOf(mark, at + 1);
  }
  return -1;
};

// Put what a line says into a node.
const inline = (text, into, depth = 0, linked = false) => {
  // What was looked for in vain once is not looked for again: no text takes long.
  const nowhere = new Set();
  let plain = "";
  let at = 0;
  const put = (node, next) => {
    if (plain) into.append(plain);
    plain = "";
    into.append(node);
    at = next;
  };
  const found = (mark, end) => {
    if (end < 0) nowhere.add(mark);
    return end >= 0;
  };
  while (at < text.length) {
    const char = text[at];
    const before = text[at - 1] || "";
    if (char === "\\" && /[!-/:-@[-`{-~]/.test(text[at + 1] || "")) {
      plain += text[at + 1];
      at += 2;
      continue;
    }
    if (char === "\n") {
      put(make("br"), at + 1);
      continue;
    }
    if (char === "`") {
      const marks = match(/`+/y, text, at)[0];
      const from = at + marks.length;
      const end = nowhere.has(marks) ? -1 : codeEnd(text, marks, from);
      if (found(marks, end)) {
        const code = text.slice(from, end);
        const padded = /^ .*[^ ].* $/s.test(code);
        put(make("code", { dir: "ltr" }, padded ? code.slice(1, -1) : code), end + marks.length);
      } else {
        plain += marks;
        at = from;
      }
      continue;
    }
    if (char === "*" || char === "_") {
      const mark = text[at + 1] === char ? char + char : char;
      const from = at + mark.length;
      const opens = /\S/.test(text[from] || "") && !(char === "_" && WORD.test(before));
      if (opens && depth < DEEPEST && !nowhere.has(mark)) {
        const end = emphasisEnd(text, mark, from);
        if (found(mark, end)) {
          const node = make(mark.length === 2 ? "strong" : "em");
          inline(text.slice(from, end), node, depth + 1, linked);
          put(node, end + mark.length);
          continue;
        }
      }
      plain += mark;
      at = from;
      continue;
    }
    if ((char === "[" || char === "!") && !linked) {
      const label = match(LABEL, text, at);
      const target = label && match(TARGET, text, at + label[0].length);
      const href = target && address(target[1]);
      if (href) {
        const node = anchor(href);
        inline(label[1] || href, node, depth + 1, true);
        put(node, at + label[0].length + target[0].length);
        continue;
      }
    }
    if (char === "h" && !linked && !WORD.test(before)) {
      const bare = match(BARE, text, at);
      const shown = bare ? trimmed(bare[0]) : "";
      const href = shown && address(shown);
      if (href) {
        const node = anchor(href);
        node.append(shown);
        put(node, at + shown.length);
        continue;
      }
    }
    const run = match(PLAIN, text, at);
    plain += run ? run[0] : char;
    at += run ? run[0].length : 1;
  }
  if (plain) into.append(plain);
  return into;
};

const FENCE = /^\s*(`{3,}|~{3,})[^`]*$/;
const HEADING = /^ {0,3}#{1,6}\s+(.*)$/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(\S.*)$/;

// The blocks of a text: what kind each is, and its source, by which it is known again.
const blocks = (text) => {
  const found = [];
  let open = null;
  let blank = false;
  const begin = (kind, line) => {
    open = { kind, lines: [line] };
    found.push(open);
  };
  for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
    if (open && open.kind === "code" && !open.ended) {
      const mark = FENCE.exec(open.lines[0])[1];
      open.ended = line.trim().startsWith(mark) && /^(`+|~+)$/.test(line.trim());
      if (!open.ended) open.lines.push(line);
      continue;
    }
    const item = ITEM.exec(line);
    const listed = open && open.kind === "list";
    if (!line.trim()) {
      blank = true;
      continue;
    }
    if (FENCE.test(line)) begin("code", line);
    else if (HEADING.test(line)) begin("heading", line);
    else if (item) {
      const same = listed && Boolean(ITEM.exec(open.lines[0])[2]) === Boolean(item[2]);
      if (listed && (same || item[1].length > 1)) open.lines.push(line);
      else begin("list", line);
    } else if (listed && (!blank || /^\s{2,}/.test(line))) open.lines.push(line);
    else if (open && open.kind === "text" && !blank) open.lines.push(line);
    else begin("text", line);
    blank = false;
  }
  return found.map(({ kind, lines }) => ({ kind, lines, source: `${kind}\n${lines.join("\n")}` }));
};

const list = (lines) => {
  const items = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item) items.push({ indent: item[1].length, start: item[2], text: item[3] });
    else items[items.length - 1].text += `\n${line.trim()}`;
  }
  const levels = [];
  for (const { indent, start, text } of items) {
    while (levels.length > 1 && indent < levels[levels.length - 1].indent) levels.pop();
    const level = levels[levels.length - 1];
    if (!level || (indent > level.indent + 1 && levels.length < DEEPEST)) {
      const node = make(start ? "ol" : "ul", { dir: "auto", start: start || null });
      if (level) level.node.lastChild.append(node);
      levels.push({ indent, node });
    }
    levels[levels.length - 1].node.append(inline(text, make("li")));
  }
  return levels[0].node;
};

const block = ({ kind, lines }) => {
  if (kind === "code") {
    const code = make("code", {}, lines.slice(1).join("\n"));
    return make("pre", { dir: "ltr", tabindex: "0" }, code);
  }
  if (kind === "list") return list(lines);
  const paragraph = make("p", { dir: "auto" });
  if (kind === "heading") {
    paragraph.append(inline(HEADING.exec(lines[0])[1].replace(/ #+$/, ""), make("strong")));
    return paragraph;
  }
  return inline(lines.map((line) => line.trim()).join("\n"), paragraph);
};

// Shows a text that grows; blocks that stay as they are keep their nodes, so that what somebody
// has selected stays selected.
const markdownInto = (node) => {
  let shown = [];
  return (text) => {
    const wanted = blocks(text);
    let same = 0;
    while (same < wanted.length && same < shown.length && wanted[same].source === shown[same].source) {
      same += 1;
    }
    for (const old of shown.slice(same)) old.node.remove();
    for (const one of wanted.slice(same)) {
      one.node = block(one);
      node.append(one.node);
    }
    shown = [...shown.slice(0, same), ...wanted.slice(same)];
  };
};

// SPDX-License-Identifier: Apache-2.0
// What is seen: the button that opens the chat, and the panel.

const ICONS = {
  chat: "M21 12a8 8 0 0 1-8 8H4l2-3.2A8 8 0 1 1 21 12z",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12h15M13 6l6 6-6 6",
};

const icon = (name) => {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
};

const button = (name, label, ...children) =>
  make("button", { type: "button", class: name, "aria-label": label }, ...children);

const small = window.matchMedia(SMALL);

class View {
  // `acts`: open(), close(), send(text), again().
  constructor(config, say, direction, framed, acts) {
    this.config = config;
    this.say = say;
    this.acts = acts;
    this.framed = framed;
    this.unread = 0;
    this.build(direction);
    this.theme();
    this.listen();
  }

  build(direction) {
    const { name, placeholder, language, limits } = this.config;
    const say = this.say;
    // A name that no rule of the page can know.
    this.host = document.createElement(`rollcall-${drawn().slice(0, 12)}`);
    const shadow = this.host.attachShadow({ mode: "open" });
    dress(shadow, STYLE);

    this.badge = make("span", { class: "badge", hidden: "", "aria-hidden": "true" });
    this.launcher = button("launcher", say("open", name), icon("chat"), this.badge);
    this.launcher.setAttribute("aria-haspopup", "dialog");
    this.launcher.setAttribute("aria-expanded", "false");
    this.launcher.setAttribute("aria-controls", "panel");

    this.closer = button("close", say("close"), icon("close"));
    this.log = make("div", {
      class: "log",
      role: "log",
      "aria-live": "polite",
      "aria-relevant": "additions",
      "aria-label": say("log"),
      tabindex: "0",
    });
    this.dots = make("div", { class: "typing" }, make("i"), make("i"), make("i"));
    this.dots.append(make("span", { class: "aside" }, say("typing", name)));
    this.notice = make("div", { class: "notice", role: "status" });
    this.input = make("textarea", {
      rows: "1",
      maxlength: String(limits.message_chars),
      placeholder: placeholder || say("write"),
      "aria-label": say("write"),
      enterkeyhint: "send",
      "aria-describedby": "left",
    });
    this.sender = button("send", say("send"), icon("send"));
    this.sender.setAttribute("aria-disabled", "true");
    this.left = make("span", { class: "left-over", id: "left" });
    this.composer = make("div", { class: "composer" }, this.input, this.left, this.sender);
    const title = make("h2", { id: "title", dir: "auto" }, name);
    const header = make("div", { class: "header" }, title);
    if (this.config.settings.show_avatar) header.prepend(this.face());
    if (!this.framed) header.append(this.closer);
    this.panel = make(
      "section",
      { class: "panel", id: "panel", role: "dialog", "aria-labelledby": "title", tabindex: "-1" },
      ...[header, this.log, this.notice, this.composer],
    );
    this.panel.hidden = true;
    this.root = make(
      "div",
      { class: `root ${this.config.position.corner.replace("-", " ")}`, dir: direction },
      this.panel,
    );
    if (language) this.root.setAttribute("lang", language);
    if (this.framed) {
      this.root.classList.add("framed");
      this.panel.setAttribute("role", "region");
    } else this.root.prepend(this.launcher);
    shadow.append(this.root);
  }

  face() {
    const face = make("span", { class: "face", "aria-hidden": "true" });
    const letter = Array.from(this.config.name.trim())[0] || "";
    const url = this.config.settings.avatar_url;
    face.append(letter.toUpperCase());
    if (url) {
      const image = make("img", { alt: "", referrerpolicy: "no-referrer" });
      image.addEventListener("load", () => face.replaceChildren(image), { once: true });
      image.src = url;
    }
    return face;
  }

  // Needs the host to be in the page, where alone colours have values.
  theme() {
    const { theme, position } = this.config;
    const style = this.root.style;
    const probe = make("i");
    this.colour = () => {
      this.root.append(probe);
      for (const [scheme, colors] of Object.entries(palettes(theme, probe))) {
        for (const name of NAMES) style.setProperty(`--${scheme}-${name}`, colors[name]);
      }
      probe.remove();
    };
    style.setProperty("--radius", `${Number(theme.border_radius) || 0}px`);
    style.setProperty("--font", theme.font_family || "Arial");
    style.setProperty("--x", `${Number(position.x) || 0}px`);
    style.setProperty("--y", `${Number(position.y) || 0}px`);
  }

  attach() {
    document.body.append(this.host);
    // Above the page, and out of reach of what it does to elements around.
    if (this.host.showPopover && !this.framed) {
      this.host.popover = "manual";
      this.host.showPopover();
    }
    this.colour();
  }

  shift(pixels) {
    this.root.style.setProperty("--x", `${(Number(this.config.position.x) || 0) + pixels}px`);
  }

  listen() {
    this.launcher.addEventListener("click", () =>
      this.panel.hidden ? this.acts.open() : this.acts.close(),
    );
    this.closer.addEventListener("click", () => this.acts.close());
    this.sender.addEventListener("click", () => this.submit());
    this.input.addEventListener("input", () => this.typed());
    this.root.addEventListener("keydown", (event) => this.key(event));
    // Shortcuts of the page are not for what is written here.
    for (const type of ["keydown", "keypress", "keyup"]) {
      this.host.addEventListener(type, (event) => event.stopPropagation());
    }
    this.fit = () => {
      const { height, offsetTop } = window.visualViewport;
      this.root.style.setProperty("--view-height", `${height}px`);
      this.root.style.setProperty("--view-top", `${offsetTop}px`);
      this.down();
    };
  }

  key(event) {
    // While an input method composes, its keys are its own.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape" && !this.framed && !this.panel.hidden) {
      event.preventDefault();
      this.acts.close();
    } else if (event.key === "Enter" && !event.shiftKey && event.target === this.input) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Tab" && small.matches && !this.framed) this.turnRound(event);
  }

  // Where the panel covers the page, the focus stays in it.
  turnRound(event) {
    const stops = [...this.panel.querySelectorAll("button,textarea,a,[tabindex='0']")].filter(
      (one) => one.getClientRects().length,
    );
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const now = this.host.shadowRoot.activeElement;
    if (event.shiftKey ? now === first || now === this.panel : now === last) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    }
  }

  typed() {
    const { value } = this.input;
    const { message_chars: most } = this.config.limits;
    const left = most - value.length;
    const near = left <= Math.min(100, most / 5);
    this.left.replaceChildren(
      ...(near ? [make("span", { class: "aside" }, this.say("left")), String(left)] : []),
    );
    // The placeholder keeps to the direction of the rest.
    this.input.dir = value && "auto";
    this.input.style.height = "auto";
    const { offsetHeight, clientHeight, scrollHeight } = this.input;
    this.input.style.height = `${scrollHeight + offsetHeight - clientHeight}px`;
    this.ready();
  }

  ready() {
    const can = !this.busy && this.input.value.trim();
    this.sender.setAttribute("aria-disabled", String(!can));
    return can;
  }

  submit() {
    if (!this.ready()) return;
    const text = this.input.value.trim();
    this.input.value = "";
    this.typed();
    this.acts.send(text);
  }

  // Give back what was written, unless something else was written since.
  giveBack(text) {
    if (this.input.value) return;
    this.input.value = text;
    this.typed();
  }

  open(focus) {
    this.before = document.activeElement;
    this.panel.hidden = false;
    this.root.classList.add("opened");
    this.launcher.setAttribute("aria-expanded", "true");
    this.panel.setAttribute("aria-modal", String(small.matches));
    this.unread = 0;
    this.count();
    if (window.visualViewport && !this.framed) {
      window.visualViewport.addEventListener("resize", this.fit);
      window.visualViewport.addEventListener("scroll", this.fit);
      this.fit();
    }
    this.down(true);
    if (focus) (this.composer.hidden ? this.panel : this.input).focus();
  }

  close() {
    const inside = this.panel.contains(this.host.shadowRoot.activeElement);
    this.panel.hidden = true;
    this.root.classList.remove("opened");
    this.launcher.setAttribute("aria-expanded", "false");
    if (window.visualViewport) {
      window.visualViewport.removeEventListener("resize", this.fit);
      window.visualViewport.removeEventListener("scroll", this.fit);
    }
    const { before } = this;
    this.before = null;
    if (!inside) return;
    const back = before && before.isConnected && before !== document.body && before !== this.host;
    (back ? before : this.launcher).focus();
  }

  // A message of the visitor's own: what they wrote, as they wrote it.
  mine(text) {
    this.add(make("div", { class: "message mine", dir: "auto" }, this.who("you"), text));
    this.down(true);
  }

  // A message of the agent's; the function shows its text, as often as it grows.
  theirs() {
    const node = make("div", { class: "message theirs" }, this.who());
    const show = markdownInto(node);
    return (text) => {
      const below = this.below();
      if (!node.isConnected && text) this.add(node);
      node.hidden = !text;
      show(text);
      if (below) this.down(true);
    };
  }

  who(key) {
    return make("span", { class: "aside" }, key ? this.say(key) : `${this.config.name}:`, " ");
  }

  add(node) {
    this.log.append(node);
    if (this.dots.isConnected) this.log.append(this.dots);
    const all = this.log.querySelectorAll(".message");
    const most = Math.max(1, this.config.settings.max_messages);
    for (const old of [...all].slice(0, Math.max(0, all.length - most))) old.remove();
  }

  // Whether an answer is under way, and whether any of it is seen.
  answering(busy, speaking = false) {
    this.busy = busy;
    this.log.setAttribute("aria-busy", String(speaking));
    const below = this.below();
    if (busy && !speaking && this.config.settings.typing_indicator) this.log.append(this.dots);
    else this.dots.remove();
    if (below) this.down(true);
    this.ready();
  }

  tell(text, again = false) {
    const below = this.below();
    this.notice.replaceChildren(...(text ? [make("span", {}, text)] : []));
    if (again) {
      const act = make("button", { type: "button" }, this.say("again"));
      act.addEventListener("click", () => this.acts.again(), { once: true });
      this.notice.append(act);
    }
    if (below) this.down(true);
  }

  pause(paused) {
    if (paused && this.composer.contains(this.host.shadowRoot.activeElement)) this.panel.focus();
    this.composer.hidden = paused;
  }

  count(more = 0) {
    this.unread += more;
    this.badge.hidden = !this.unread;
    this.badge.textContent = this.unread > 9 ? "9+" : String(this.unread);
    const { name } = this.config;
    const label = this.unread ? this.say("unread", name) + this.unread : this.say("open", name);
    this.launcher.setAttribute("aria-label", label);
  }

  below() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    return scrollHeight - scrollTop - clientHeight < 60;
  }

  down(always = false) {
    if (always || this.below()) this.log.scrollTop = this.log.scrollHeight;
  }
}

// SPDX-License-Identifier: Apache-2.0
// One widget: what happens when somebody opens it, writes, leaves and comes back.

let audio = null;

const beep = () => {
  try {
    audio = audio || new AudioContext();
    const [tone, volume, now] = [audio.createOscillator(), audio.createGain(), audio.currentTime];
    tone.frequency.value = 660;
    volume.gain.setValueAtTime(0.06, now);
    volume.gain.exponentialRampToValueAtTime(0.001, now + 0.25);
    tone.connect(volume).connect(audio.destination);
    tone.start(now);
    tone.stop(now + 0.25);
  } catch {
    // Without sound the message is still there to be seen.
  }
};

class Chat {
  constructor(config, talk, store, framed, tell) {
    this.config = config;
    this.talk = talk;
    this.store = store;
    this.framed = framed;
    this.tell = tell;
    this.corner = framed ? "" : config.position.corner;
    this.turn = null;
    this.paused = false;
    const language = config.language || document.documentElement.lang || "en";
    this.say = textsOf(language);
    const direction = RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr";
    this.view = new View(config, this.say, direction, framed, {
      open: () => this.open(),
      close: () => this.close(),
      send: (text) => this.send(text),
      again: () => this.ask(this.turn),
    });
  }

  // Show it, and bring back what this tab knows.
  start() {
    this.view.attach();
    const { auto_open, auto_open_delay_ms } = this.config.settings;
    const was = this.store.get("open");
    if (this.framed) this.open(false);
    // Where it would cover the page, only the visitor opens it.
    else if (small.matches) return;
    else if (was) this.open(false);
    else if (auto_open && was === null) {
      setTimeout(() => this.store.get("open") === null && this.open(false), auto_open_delay_ms);
    }
  }

  get isOpen() {
    return !this.view.panel.hidden;
  }

  open(focus = true) {
    if (this.isOpen) return;
    this.store.set("open", true);
    this.view.open(focus);
    this.tell("open");
    if (this.paused) this.resume();
    this.restored = this.restored || this.restore();
    this.talk.track("view");
  }

  close() {
    if (!this.isOpen || this.framed) return;
    this.store.set("open", false);
    this.view.close();
    this.tell("close");
  }

  // The conversation so far, and the answer that was under way when the page was left.
  async restore() {
    const { welcome_message } = this.config;
    if (welcome_message) this.view.theirs()(welcome_message);
    const kept = this.store.get("turn");
    const rows = await this.talk.history((_, [why]) => this.view.tell(this.say(why)));
    this.view.tell("");
    const last = rows[rows.length - 1];
    for (const { message, response } of rows) {
      this.view.mine(message);
      if (response !== null) this.view.theirs()(response);
    }
    if (last && last.response === null) {
      const { turn_id, message } = last;
      const id = kept && kept.message === message ? kept.client_id : drawn();
      this.ask({ client_id: id, message, turn_id });
    } else if (kept && kept.message && !rows.some((row) => row.turn_id === kept.turn_id)) {
      this.view.mine(kept.message);
      if (kept.turn_id && !this.talk.known) this.leave(kept.message);
      else this.ask(kept);
    } else this.store.set("turn", null);
  }

  // The answer was another visitor's, who is forgotten: to ask anew is for this one to say.
  leave(message) {
    this.store.set("turn", null);
    this.turn = this.talk.turn(message);
    this.view.tell(this.say("failed"), true);
  }

  async send(text) {
    await this.restored;
    if (this.view.busy) {
      this.view.giveBack(text);
      return;
    }
    this.view.mine(text);
    this.tell("question");
    this.ask(this.talk.turn(text));
    this.talk.track("interaction");
  }

  async ask(turn) {
    this.turn = turn;
    const view = this.view;
    const show = view.theirs();
    view.tell("");
    view.answering(true);
    let frame = 0;
    const told = (what, value) => {
      if (what === "trouble") {
        view.tell(this.say(value[0], String(value[1])));
        return;
      }
      view.tell("");
      view.answering(true, Boolean(value));
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => show(value));
    };
    try {
      const { response, failed } = await this.talk.answer(turn, told);
      cancelAnimationFrame(frame);
      view.answering(false);
      if (failed) {
        show("");
        show("");
        // Asked again it is another question: this one has had its answer.
        this.turn = this.talk.turn(turn.message);
        const kind = kindOf(failed);
        const texts = { "answer-refused": "refused", "answer-unavailable": "later" };
        view.tell(this.say(texts[kind] || "failed"), true);
        return;
      }
      view.tell("");
      show(response);
      this.turn = null;
      if (this.config.settings.sound) beep();
      if (!this.isOpen) view.count(1);
      this.tell("answer");
    } catch (error) {
      cancelAnimationFrame(frame);
      view.answering(false);
      if (!(error instanceof Refused)) throw error;
      this.refused(error, turn);
    }
  }

  refused(error, turn) {
    this.store.set("turn", null);
    const { status } = error;
    if (error.paused || status === 403) {
      this.turn = null;
      this.paused = true;
      this.view.pause(true);
      this.view.tell(this.say(error.paused ? "paused" : "gone"));
      this.view.giveBack(turn.message);
    } else if (status >= 400 && !error.passing && status !== 401) {
      this.turn = null;
      this.view.tell(this.say("refused"));
      this.view.giveBack(turn.message);
    } else {
      this.turn = turn;
      this.view.tell(this.say(status === 429 ? "later" : "failed"), true);
    }
  }

  // Perhaps the pause is over.
  async resume() {
    try {
      await this.talk.config();
    } catch {
      return;
    }
    this.paused = false;
    this.view.pause(false);
    this.view.tell("");
  }
}

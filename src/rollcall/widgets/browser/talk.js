// SPDX-License-Identifier: Apache-2.0
// The conversation with the service: tokens, questions, answers piece by piece, and what to do
// when any of that breaks.

// Milliseconds: the service says something every 15 s, if only that it is there.
const SILENCE = 45000;
// Seconds that a question waits by itself when there were too many.
const LONGEST_WAIT = 120;
const TRIES = 7;

// What sort of problem it is: the last word of its type.
const kindOf = (problem) => String(problem.type || "").split(/[:/]/).pop();

// What the service said instead of an answer. `status` 0: it could not be reached.
class Refused extends Error {
  constructor(status, problem = {}, wait = null) {
    const nothing = "the service does not answer, or not to this page";
    super(status ? problem.detail || problem.title || `status ${status}` : nothing);
    this.status = status;
    this.kind = kindOf(problem);
    this.wait = wait;
  }

  get paused() {
    return this.kind === "widget-paused";
  }

  get passing() {
    return [0, 408, 425, 429].includes(this.status) || this.status >= 500;
  }
}

// Until some time has passed, or the browser is online again.
const pause = (ms) =>
  new Promise((done) => {
    const go = () => {
      clearTimeout(timer);
      window.removeEventListener("online", go);
      done();
    };
    const timer = setTimeout(go, ms);
    window.addEventListener("online", go);
  });

const backoff = (tries) =>
  pause(Math.min(15000, 500 * 2 ** (tries - 1)) * (0.5 + Math.random() / 2));

// Server-sent events (WHATWG HTML, section 9.2) of a body: [type, data].
async function* serverEvents(body, heard) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let type = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      // A carriage return at the end may be one half of a line's end.
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?=[^])/);
      rest = lines.pop();
      for (const line of lines) {
        const [, name, said] = /^([^:]*):? ?([^]*)$/.exec(line);
        if (name === "event") type = said;
        else if (name === "data") data.push(said);
        else if (!line) {
          if (data.length) yield [type, JSON.parse(data.join("\n"))];
          type = "";
          data = [];
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// What is kept for this tab, and for this page alone where the browser keeps nothing.
const keeper = (prefix) => {
  const own = {};
  return {
    get(name) {
      if (name in own) return own[name];
      try {
        return JSON.parse(window.sessionStorage.getItem(prefix + name));
      } catch {
        return null;
      }
    },
    set(name, value) {
      own[name] = value;
      try {
        window.sessionStorage.setItem(prefix + name, JSON.stringify(value));
      } catch {
        // Storage is off, full or not for this frame: the page's own memory has it.
      }
    },
  };
};

const drawn = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");

class Talk {
  // `base`: the service's address up to /widget/v1; `store`: keeps the token and the open turn.
  constructor(base, key, store) {
    this.base = `${base}/${key}`;
    this.store = store;
    this.asking = null;
    this.tracked = new Set();
  }

  async fetch(path, { body = null, token = null, stream = false } = {}) {
    const headers = body ? { "Content-Type": "application/json" } : {};
    if (token) headers.Authorization = `Bearer ${token}`;
    const abort = new AbortController();
    let timer = 0;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), SILENCE);
    };
    heard();
    try {
      const answer = await fetch(this.base + path, {
        method: body ? "POST" : "GET",
        body: body && JSON.stringify(body),
        headers,
        signal: abort.signal,
        credentials: "omit",
        cache: "no-store",
        // Without an origin the service could not tell whose page asks.
        referrerPolicy: "strict-origin",
      });
      if (!answer.ok) {
        const wait = parseInt(answer.headers.get("Retry-After"), 10);
        const problem = await answer.json().catch(() => ({}));
        throw new Refused(answer.status, problem || {}, wait >= 0 ? wait : null);
      }
      if (stream) return { body: answer.body, heard, end: () => clearTimeout(timer) };
      return answer.status === 204 ? null : await answer.json();
    } catch (error) {
      clearTimeout(timer);
      throw error instanceof Refused ? error : new Refused(0);
    } finally {
      if (!stream) clearTimeout(timer);
    }
  }

  config() {
    return this.fetch("/config");
  }

  // The visitor's token; one is asked for where there is none, and by one call alone.
  async token() {
    if (this.known) return this.store.get("token").token;
    if (!this.asking) {
      this.asking = this.fetch("/visitors", { body: {} })
        .then(({ token, expires_in }) => {
          this.store.set("token", { token, until: Date.now() + (expires_in - 60) * 1000 });
          return token;
        })
        .finally(() => {
          this.asking = null;
        });
    }
    return this.asking;
  }

  // Whether the visitor is one that the service knows.
  get known() {
    const held = this.store.get("token");
    return Boolean(held && held.until > Date.now());
  }

  // What was said before, oldest first; nothing where the visitor is new, or not known any more.
  // `told("trouble", why)` hears why it takes longer.
  async history(told) {
    for (let tries = 1; this.known; tries += 1) {
      try {
        return await this.fetch("/messages?limit=50", { token: this.store.get("token").token });
      } catch (error) {
        if (error.status === 401) this.store.set("token", null);
        if (!error.passing || tries >= TRIES) break;
        told("trouble", ["retrying"]);
        await backoff(tries);
      }
    }
    return [];
  }

  // Tell what the visitor did, once a page; nobody waits for it.
  async track(what) {
    if (this.tracked.has(what)) return;
    this.tracked.add(what);
    try {
      await this.fetch("/track", { body: { event_type: what }, token: await this.token() });
    } catch {
      this.tracked.delete(what);
    }
  }

  // A question that was not asked yet. Its id stays the same however often it is sent.
  turn(message) {
    return { client_id: drawn(), message, turn_id: null };
  }

  // Ask, or take up again what was asked, until there is an answer: {response} or {failed}.
  // `told(what, value)` hears of "text" (all of it so far) and "trouble" (why it takes longer).
  // Throws Refused where asking again by itself would not help.
  async answer(turn, told) {
    const state = { shown: "", renewed: false };
    for (let tries = 1; ; tries += 1) {
      let wait = null;
      const before = state.shown.length;
      try {
        const said = await this.once(turn, told, state);
        if (said) return said;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        wait = this.after(error, turn, state);
      }
      if (state.shown.length > before) tries = 1;
      const offline = navigator.onLine === false;
      if (tries >= TRIES && !offline) throw new Refused(0);
      if (wait === 0) continue;
      if (wait) {
        told("trouble", ["busy", wait]);
        await pause(wait * 1000);
      } else if (offline) {
        told("trouble", ["offline"]);
        // Told that it will be sent: that holds however long it takes.
        tries = 0;
        await pause(30000);
      } else {
        told("trouble", ["retrying"]);
        await backoff(tries);
      }
    }
  }

  // Seconds to wait after a refusal; null: as after any break. Throws it where that is no use.
  after(error, turn, state) {
    if (error.status === 401 && !state.renewed) {
      state.renewed = true;
      this.store.set("token", null);
      // The answer under way was another visitor's: to ask anew is for the visitor to say.
      if (!turn.turn_id) return 0;
      this.keep(turn, null);
    } else if (error.status === 404 && turn.turn_id) {
      this.keep(turn, null);
      return 0;
    }
    if (!error.passing || error.wait > LONGEST_WAIT) throw error;
    return error.status === 429 ? Math.max(1, error.wait === null ? 5 : error.wait) : null;
  }

  keep(turn, id) {
    turn.turn_id = id;
    this.store.set("turn", turn);
  }

  // One connection's worth of an answer; null: it broke off.
  async once(turn, told, state) {
    const token = await this.token();
    const { turn_id, client_id, message } = turn;
    this.store.set("turn", turn);
    const { body, heard, end } = await this.fetch(
      turn_id ? `/messages/${encodeURIComponent(turn_id)}/stream` : "/messages",
      { token, stream: true, body: turn_id ? null : { message, client_id } },
    );
    let text = "";
    try {
      for await (const [type, data] of serverEvents(body, heard)) {
        if (type === "accepted") this.keep(turn, data.turn_id);
        else if (type === "text") {
          text += data.text;
          // Told again from the beginning, it does not shrink before it grows on.
          if (!state.shown.startsWith(text)) {
            state.shown = text;
            told("text", text);
          }
        } else if (type === "reset") {
          text = state.shown = "";
          told("text", "");
        } else if (type === "done" || type === "failed") {
          this.store.set("turn", null);
          return type === "done"
            ? { response: typeof data.response === "string" ? data.response : text }
            : { failed: data.problem || {} };
        }
      }
    } catch {
      return null;
    } finally {
      end();
    }
    return null;
  }
}

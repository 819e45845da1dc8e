// SPDX-License-Identifier: Apache-2.0
// Where it begins: the script's own tag says which widget, and where the service is.

const NAME = "RollcallWidget";
const script = document.currentScript || document.querySelector("script[data-widget]");
const source = script ? script.src : "";
const base = source.slice(0, source.lastIndexOf("/widget/v1/") + "/widget/v1".length);
const key = script && script.dataset.widget;
const framed = Boolean(script && "frame" in script.dataset);

// One for all scripts of the page, whichever came first.
const shared = () => {
  const there = window[NAME];
  if (there && there.widgets instanceof Map) return there;
  const widgets = new Map();
  const listeners = new Set();
  const one = (name) => widgets.get(name) || widgets.values().next().value;
  const made = {
    widgets,
    open: (name) => one(name)?.open(),
    close: (name) => one(name)?.close(),
    on(type, listener) {
      const entry = [type, listener];
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    tell(type, widget) {
      for (const [wanted, listener] of listeners) {
        if (wanted === type) setTimeout(listener, 0, { type, widget });
      }
    },
  };
  window[NAME] = made;
  return made;
};

const begun = () =>
  new Promise((done) => {
    if (document.body) done();
    else document.addEventListener("DOMContentLoaded", done, { once: true });
  });

// An empty frame would look broken; a page without the button does not.
const excuse = (error) => {
  if (!framed) return;
  const say = textsOf(document.documentElement.lang || "en");
  document.body.append(make("p", { role: "status" }, say(error.paused ? "paused" : "gone")));
};

const configured = async (talk) => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await talk.config();
    } catch (error) {
      if (!error.passing || tries >= TRIES) throw error;
      await backoff(tries);
    }
  }
};

const start = async () => {
  const { widgets, tell } = shared();
  const again = widgets.get(key);
  if (again) {
    // The page was exchanged around it, or names it twice.
    await begun();
    if (again.chat && !again.chat.view.host.isConnected) again.chat.view.attach();
    return;
  }
  const place = { chat: null };
  place.open = () => place.chat?.open();
  place.close = () => place.chat?.close();
  widgets.set(key, place);
  const store = keeper(`rollcall:${key}:`);
  // A preview brings its visitor along, who is good for an hour.
  const { token } = script.dataset;
  if (token) store.set("token", { token, until: Date.now() + 3500000 });
  const talk = new Talk(base, key, store);
  let config;
  try {
    config = await configured(talk);
  } catch (error) {
    widgets.delete(key);
    await begun();
    console.warn(`Rollcall widget ${key}: ${error.message}`);
    excuse(error);
    return;
  }
  await begun();
  const chat = new Chat(config, talk, store, framed, (type) => {
    // Two open panels in one corner would lie on each other.
    for (const other of widgets.values()) {
      const near = other !== place && other.chat && other.chat.corner === chat.corner;
      if (type === "open" && near) other.close();
    }
    tell(type, key);
  });
  const near = [...widgets.values()].filter((one) => one.chat && one.chat.corner === chat.corner);
  if (!framed) chat.view.shift(72 * near.length);
  place.chat = chat;
  if (framed) dress(document, "html,body{margin:0;height:100%;background:transparent}");
  chat.start();
  tell("ready", key);
};

if (key && source.includes("/widget/v1/")) start();
else console.warn("Rollcall widget: the script needs its data-widget, and its own address as src");

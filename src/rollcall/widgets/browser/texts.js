// SPDX-License-Identifier: Apache-2.0
// What the widget itself says; {} is filled in.

const TEXTS = {
  en: {
    open: "Chat with {}",
    unread: "Chat with {}, new messages: ",
    close: "Close chat",
    log: "Messages",
    you: "You:",
    typing: "{} is typing",
    write: "Write a message",
    send: "Send message",
    left: "Characters left: ",
    offline: "You are offline. Your message will be sent when you are back.",
    retrying: "The connection was lost. Trying again…",
    busy: "That was a lot at once. Going on in {} seconds…",
    failed: "Sorry, that did not work.",
    refused: "This message could not be taken.",
    again: "Try again",
    paused: "This chat is taking a break. Please come back later.",
    gone: "This chat is not available here.",
  },
  de: {
    open: "Chat mit {}",
    unread: "Chat mit {}, neue Nachrichten: ",
    close: "Chat schließen",
    log: "Nachrichten",
    you: "Sie:",
    typing: "{} schreibt",
    write: "Nachricht schreiben",
    send: "Nachricht senden",
    left: "Zeichen übrig: ",
    offline: "Sie sind offline. Ihre Nachricht wird gesendet, sobald Sie wieder verbunden sind.",
    retrying: "Die Verbindung ist abgebrochen. Neuer Versuch …",
    busy: "Das war viel auf einmal. Weiter in {} Sekunden …",
    failed: "Das hat leider nicht geklappt.",
    refused: "Diese Nachricht konnte nicht angenommen werden.",
    again: "Noch einmal",
    paused: "Dieser Chat macht gerade Pause. Bitte kommen Sie später wieder.",
    gone: "Dieser Chat ist hier nicht verfügbar.",
  },
  ar: {
    open: "محادثة مع {}",
    unread: "محادثة مع {}، رسائل جديدة: ",
    close: "إغلاق المحادثة",
    log: "الرسائل",
    you: "أنت:",
    typing: "{} يكتب الآن",
    write: "اكتب رسالة",
    send: "إرسال الرسالة",
    left: "الأحرف المتبقية: ",
    offline: "أنت غير متصل بالإنترنت. سترسل رسالتك عند عودة الاتصال.",
    retrying: "انقطع الاتصال. تجري إعادة المحاولة…",
    busy: "رسائل كثيرة دفعة واحدة. المتابعة بعد {} ثانية…",
    failed: "عذرًا، لم ينجح ذلك.",
    refused: "تعذر قبول هذه الرسالة.",
    again: "أعد المحاولة",
    paused: "هذه المحادثة متوقفة مؤقتًا. يرجى العودة لاحقًا.",
    gone: "هذه المحادثة غير متاحة هنا.",
  },
};

const RIGHT_TO_LEFT = /^(ar|dv|fa|he|ku|ps|ur|yi)\b/i;

// The texts of a language such as "de-AT"; English where there are none.
const textsOf = (language) => {
  const texts = TEXTS[language.toLowerCase().split("-")[0]] || TEXTS.en;
  return (name, value) => texts[name].replace("{}", () => value);
};

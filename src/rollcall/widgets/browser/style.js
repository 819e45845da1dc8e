// SPDX-License-Identifier: Apache-2.0
// The style sheet. What it says of the host is important, so that no rule of the page beats it.

const NAMES = ["fill", "on", "ground", "ink", "soft", "line", "link", "muted"];
const chosen = (scheme) => NAMES.map((name) => `--${name}:var(--${scheme}-${name});`).join("");
const SMALL = "(max-width:479.98px),(max-height:419.98px)";

const STYLE = `
:host{all:initial!important;display:block!important;position:fixed!important;inset:auto!important;
width:0!important;height:0!important;z-index:2147483000!important}
@media print{:host{display:none!important}}
*,*::before,*::after{box-sizing:border-box}
[hidden]{display:none!important}
.root{${chosen("light")}color-scheme:light;color:var(--ink);text-align:start;
font:15px/1.5 var(--font,Arial),system-ui,sans-serif;-webkit-text-size-adjust:100%}
@media (prefers-color-scheme:dark){.root{${chosen("dark")}color-scheme:dark}}
button,textarea{font:inherit;color:inherit;margin:0}
button{cursor:pointer;border:1px solid transparent;touch-action:manipulation;
-webkit-tap-highlight-color:transparent}
:focus{outline:none}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;
stroke-linejoin:round;display:block}
[dir=rtl] .send svg{transform:scaleX(-1)}
.aside{position:absolute!important;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}

.launcher{position:fixed;display:grid;place-items:center;width:56px;height:56px;padding:0;
border-radius:50%;background:var(--fill);color:var(--on);
box-shadow:0 1px 3px rgba(0,0,0,.2),0 6px 20px rgba(0,0,0,.22);transition:transform .15s}
.launcher svg{width:28px;height:28px}
.launcher:hover{transform:scale(1.06)}
.launcher:focus-visible{outline-offset:3px;outline-color:var(--link)}
.badge{position:absolute;inset-block-start:-4px;inset-inline-end:-4px;min-width:22px;height:22px;
padding:0 6px;border-radius:11px;background:#c62828;color:#fff;font-size:12px;line-height:22px;
font-weight:700;text-align:center}
.panel{position:fixed;display:flex;flex-direction:column;overflow:hidden;width:384px;
max-width:calc(100vw - var(--x) - 16px);height:600px;
max-height:calc(100vh - var(--y) - 84px);background:var(--ground);
border:1px solid var(--line);border-radius:var(--radius);
box-shadow:0 2px 6px rgba(0,0,0,.12),0 12px 40px rgba(0,0,0,.24)}
.right .launcher,.right .panel{right:calc(var(--x) + env(safe-area-inset-right,0px))}
.left .launcher,.left .panel{left:calc(var(--x) + env(safe-area-inset-left,0px))}
.bottom .launcher{bottom:calc(var(--y) + env(safe-area-inset-bottom,0px))}
.bottom .panel{bottom:calc(var(--y) + 68px + env(safe-area-inset-bottom,0px))}
.top .launcher{top:calc(var(--y) + env(safe-area-inset-top,0px))}
.top .panel{top:calc(var(--y) + 68px + env(safe-area-inset-top,0px))}

.header{display:flex;align-items:center;gap:10px;padding:10px 12px;background:var(--fill);
color:var(--on);flex:none}
.header :focus-visible{outline-color:var(--on);outline-offset:-2px}
h2{flex:1;min-width:0;margin:0;font-size:16px;font-weight:600;line-height:1.3;overflow:hidden;
text-overflow:ellipsis;white-space:nowrap}
.close{display:grid;place-items:center;width:36px;height:36px;padding:0;background:none;
border-radius:50%}
.close:hover{background:rgba(127,127,127,.25)}
.face{flex:none;display:grid;place-items:center;width:36px;height:36px;border-radius:50%;
overflow:hidden;background:var(--on);color:var(--fill);font-weight:700;border:1px solid transparent}
.face img{width:100%;height:100%;object-fit:cover}

.log{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:16px 14px;
display:flex;flex-direction:column;gap:10px}
.log:focus-visible{outline-offset:-3px}
.log>:first-child{margin-top:auto}
.message{max-width:86%;padding:9px 13px;border:1px solid transparent;overflow-wrap:anywhere;
border-radius:min(max(var(--radius),2px),18px);background:var(--soft);align-self:flex-start;
position:relative}
.mine{align-self:flex-end;background:var(--fill);color:var(--on);white-space:pre-wrap;
border-end-end-radius:2px}
.theirs{border-end-start-radius:2px}
.message p,.message ul,.message ol,.message pre{margin:0 0 8px}
.message :last-child{margin-bottom:0}
.message ul,.message ol{padding-inline-start:22px}
.message li{margin:2px 0}
.message li>ul,.message li>ol{margin:2px 0}
.message a{color:var(--link);text-decoration:underline;text-underline-offset:2px}
code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;padding:1px 4px;
border-radius:4px;background:var(--ground);border:1px solid var(--line)}
pre{overflow-x:auto;padding:10px;border-radius:6px;background:var(--ground);
border:1px solid var(--line)}
pre code{padding:0;border:0;background:none;overflow-wrap:normal;white-space:pre}
.typing{display:flex;gap:5px;padding:15px 14px;align-self:flex-start;border:1px solid transparent;
border-radius:min(max(var(--radius),2px),18px);background:var(--soft)}
.typing i{width:7px;height:7px;border-radius:50%;background:var(--muted);border:1px solid transparent;
animation:beat 1.2s infinite ease-in-out}
.typing i:nth-child(2){animation-delay:.15s}
.typing i:nth-child(3){animation-delay:.3s}
@keyframes beat{0%,60%,100%{transform:none;opacity:.5}30%{transform:translateY(-4px);opacity:1}}

.notice{flex:none;display:flex;align-items:center;gap:10px;padding:0 14px;font-size:13px;
color:var(--muted)}
.notice:not(:empty){padding-block:8px;border-top:1px solid var(--line)}
.notice button{flex:none;margin-inline-start:auto;padding:4px 12px;border-radius:999px;
border-color:var(--line);background:var(--soft);color:var(--link)}
.composer{flex:none;display:flex;align-items:flex-end;gap:8px;padding:10px 12px;
border-top:1px solid var(--line);background:var(--ground)}
textarea{flex:1;min-width:0;height:40px;max-height:130px;padding:8px 12px;resize:none;
border:1px solid var(--muted);border-radius:min(max(var(--radius),2px),20px);
background:var(--ground);font-size:16px;line-height:1.4;display:block}
textarea::placeholder{color:var(--muted);opacity:1}
textarea:focus-visible{outline-offset:0}
.send{flex:none;display:grid;place-items:center;width:40px;height:40px;padding:0;
border-radius:50%;background:var(--fill);color:var(--on)}
.send svg{width:20px;height:20px}
.send[aria-disabled=true]{background:var(--soft);color:var(--muted);cursor:default}
.left-over{align-self:center;font-size:12px;color:var(--muted)}

@media ${SMALL}{
.panel{inset:0!important;top:var(--view-top,0)!important;bottom:auto!important;width:auto;
height:var(--view-height,100dvh);max-width:none;max-height:none;border:0;border-radius:0;
box-shadow:none}
.panel .header{padding-top:calc(10px + env(safe-area-inset-top,0px))}
.panel .composer{padding-bottom:calc(10px + env(safe-area-inset-bottom,0px))}
.opened .launcher{display:none}
}
.framed .panel{inset:0!important;width:auto;height:auto;max-width:none;max-height:none;border:0;
border-radius:0;box-shadow:none}
@media (prefers-reduced-motion:no-preference){
.panel:not([hidden]){animation:rise .18s ease-out}
.framed .panel{animation:none}
@keyframes rise{from{opacity:0;transform:translateY(8px)}}
}
@media (prefers-reduced-motion:reduce){
*,*::before,*::after{animation:none!important;transition:none!important}
}
@media (forced-colors:active){
.launcher,.panel,.message,.typing,.face,.send,.close,.badge{border:1px solid ButtonText}
.typing i{background:ButtonText}
.send[aria-disabled=true]{color:GrayText;border-color:GrayText}
}
`;

// A sheet that no Content-Security-Policy keeps away; an element where there are no such sheets.
const dress = (place, text) => {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    place.adoptedStyleSheets = [...place.adoptedStyleSheets, sheet];
  } catch {
    const element = document.createElement("style");
    element.textContent = text;
    (place.head || place).append(element);
  }
};

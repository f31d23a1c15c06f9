"use strict";
// The status page: it asks the API every two seconds while somebody looks, and writes what it hears as text.

const period = 2000, mostRoutes = 500;
const before = { at: 0, requests: new Map(), calls: new Map(), seconds: new Map() };
let loadedAt;

// el makes an element; children are elements or text, never markup.
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined) e.setAttribute(name, value);
  }
  e.append(...children);
  return e;
}

const td = (...children) => el("td", {}, ...children);
const num = (text) => el("td", { class: "n" }, text);
const quiet = (text) => el("span", { class: "quiet" }, text);
const mark = (kind, text) => el("span", { class: "mark " + kind }, el("span", {}, text));

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(5000) });
  return { ok: answer.ok, value: await answer.json() };
}

function ago(at) {
  const s = Math.max(0, Math.round((Date.now() - new Date(at)) / 1000));
  return span(s) + " ago";
}

function span(s) {
  if (s < 60) return Math.round(s) + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}

function short(seconds) {
  if (!seconds) return "–";
  if (seconds < 1e-3) return +(seconds * 1e6).toPrecision(2) + " µs";
  if (seconds < 1) return +(seconds * 1e3).toPrecision(3) + " ms";
  return +seconds.toPrecision(3) + " s";
}

function bytes(n) {
  return n < 1048576 ? Math.round(n / 1024) + " KiB" : +(n / 1048576).toPrecision(3) + " MiB";
}

// rate is the growth of a counter since the last answer, per second; undefined the first time.
function rate(counters, key, value, elapsed) {
  const last = counters.get(key);
  counters.set(key, value);
  return last === undefined || !elapsed || value < last ? undefined : (value - last) / elapsed;
}

const perSecond = (r) => r === undefined ? "–" : r === 0 ? "0" : r < 10 ? r.toFixed(1) : Math.round(r).toLocaleString("en");
const percent = (r) => r === undefined ? "–" : (r * 100).toFixed(r < 0.1 ? 2 : 0) + " %";

function breaker(state) {
  if (!state) return quiet("–");
  return mark({ closed: "good", half_open: "warn", open: "bad" }[state], state.replace("_", "-"));
}

function health(e) {
  if (e.health === "unhealthy") return mark("bad", "unhealthy");
  if (e.ejected_until) return mark("bad", "ejected");
  if (!e.available) return mark("bad", "out");
  return e.health ? mark("good", "healthy") : mark("good", "in use");
}

// replace puts new bodies into a table, and says in its caption how many things it has.
function replace(id, count, bodies) {
  const table = document.getElementById(id);
  for (const body of [...table.tBodies]) body.remove();
  table.append(...bodies);
  const caption = table.caption;
  caption.querySelector("small")?.remove();
  caption.append(el("small", {}, String(count)));
}

function none(columns, text) {
  return el("tbody", {}, el("tr", {}, el("td", { colspan: columns, class: "quiet" }, text)));
}

function showUpstreams(upstreams, elapsed) {
  replace("upstreams", upstreams.length, upstreams.length === 0 ? [none(8, "The configuration has none.")] : upstreams.map((u) => {
    const latency = u.latency.count ? `, responses begin within ${short(u.latency.p50_seconds)} (p99 ${short(u.latency.p99_seconds)})` : "";
    const about = `${u.load_balancer.replaceAll("_", " ")}, ${u.protocol}${latency}${u.panic ? ", too few are well: all get traffic" : ""}`;
    return el("tbody", { class: "group", "data-upstream": u.name },
      el("tr", {}, el("th", { scope: "rowgroup" }, u.name), el("td", { colspan: 7 }, about)),
      ...u.endpoints.map((e) => endpoint(u, e, elapsed)));
  }));
}

function endpoint(u, e, elapsed) {
  const failed = (e.responses.error || 0) + (e.responses["5xx"] || 0);
  const error = e.last_error || e.last_probe_error;
  const at = e.last_error ? e.last_error_at : e.last_probe_at;
  const connections = e.connections ? `${e.connections.active} + ${e.connections.idle} idle` : "–";
  return el("tr", { "data-endpoint": e.address },
    el("th", { scope: "row" }, el("code", {}, e.address), e.weight === 1 ? "" : quiet(` × ${e.weight}`)),
    td(health(e)), td(breaker(e.circuit_breaker)),
    num(perSecond(rate(before.requests, u.name + " " + e.address, e.requests, elapsed))),
    num(failed ? failed.toLocaleString("en") : quiet("0")), num(String(e.in_flight)), num(quiet(connections)),
    el("td", { class: "wrap", title: error }, error && at ? quiet(ago(at) + ": ") : "", error || quiet("–")));
}

function pluginState(p) {
  const usable = p.instances.filter((i) => !i.failure).length;
  if (p.disabled) return mark("warn", "disabled");
  if (usable === 0) return mark("bad", "failed");
  return usable < p.instances.length ? mark("warn", `${usable} of ${p.instances.length} usable`) : mark("good", "in use");
}

function showPlugins(plugins, elapsed) {
  const rows = plugins.map((p) => {
    const phases = Object.entries(p.cost).filter(([name]) => !["start", "on_vm_start", "on_configure"].includes(name)).map(([, c]) => c);
    const calls = phases.reduce((n, c) => n + c.calls, 0), seconds = phases.reduce((n, c) => n + c.seconds, 0);
    const memory = p.instances.reduce((n, i) => n + i.memory_bytes, 0);
    return el("tr", { "data-plugin": p.name },
      el("th", { scope: "row", title: p.sha256 }, p.name, p.version ? quiet(" " + p.version) : ""),
      td(pluginState(p)), td(breaker(p.breaker.state)),
      num(perSecond(rate(before.calls, p.name, calls, elapsed))), num(short(calls ? seconds / calls : 0)),
      num(short(Math.max(0, ...phases.map((c) => c.p99_seconds)))), num(percent(rate(before.seconds, p.name, seconds, elapsed))),
      num(String(p.instances.length)), num(bytes(memory)), num(p.traps ? String(p.traps) : quiet("0")));
  });
  replace("plugins", plugins.length, [rows.length ? el("tbody", {}, ...rows) : none(10, "The configuration has none.")]);
}

function showRoutes(routes) {
  const rows = routes.slice(0, mostRoutes).map((r) => {
    const conditions = [...(r.headers || []), ...(r.query || []).map((q) => "?" + q)].join(", ");
    const match = (r.hosts || [""]).flatMap((h) => (r.paths || ["/*"]).map((p) => h + p)).join("  ");
    return el("tr", { "data-route": r.id },
      el("th", { scope: "row" }, r.id), td(r.methods ? r.methods.join(" ") : quiet("all")),
      el("td", { class: "wrap", title: match }, el("code", {}, match), conditions ? quiet(" with " + conditions) : ""),
      td(r.plugins ? r.plugins.join(" → ") : quiet("–")), td(r.upstream || quiet("–")), num(r.timeout_seconds ? short(r.timeout_seconds) : quiet("–")));
  });
  const more = routes.length - rows.length;
  const bodies = [rows.length ? el("tbody", {}, ...rows) : none(6, "The configuration has none.")];
  if (more > 0) bodies.push(none(6, `and ${more} more: see /routes`));
  replace("routes", routes.length, bodies);
}

function showInfo(info) {
  const facts = [["version", info.loom], ["up", span(info.uptime_seconds)], ["config", info.config.digest.slice(0, 12)]];
  if (info.config.loaded_at) facts.push(["loaded", ago(info.config.loaded_at)]);
  if (info.config.last_reload && !info.config.last_reload.successful) facts.push(["last reload", "refused"]);
  document.getElementById("facts").replaceChildren(...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function showState(kind, text, notes) {
  const state = document.getElementById("state");
  state.dataset.state = kind;
  if (state.textContent !== text) state.textContent = text; // or it would be read aloud again
  document.title = (kind === "good" ? "" : "● ") + "Loom: " + text;
  const list = document.getElementById("notes");
  list.hidden = notes.length === 0;
  list.replaceChildren(...notes.map((n) => el("li", {}, n)));
}

function showReady({ ok, value }) {
  if (!ok) return showState("bad", value.detail, (value.missing || []).map((m) => "missing: " + m));
  const degraded = value.degraded || [];
  showState(degraded.length ? "warn" : "good", degraded.length ? "ready, not all is well" : "ready", degraded);
}

async function refresh() {
  const [ready, info, upstreams, plugins] = await Promise.all(["/ready", "/info", "/upstreams", "/plugins"].map(ask));
  const now = performance.now(), elapsed = before.at && (now - before.at) / 1000;
  before.at = now;
  showReady(ready);
  showInfo(info.value);
  showUpstreams(upstreams.value.upstreams, elapsed);
  showPlugins(plugins.value.plugins, elapsed);
  if (loadedAt !== (info.value.config.loaded_at || "")) {
    showRoutes((await ask("/routes")).value.routes);
    loadedAt = info.value.config.loaded_at || "";
  }
}

async function loop() {
  if (!document.hidden) {
    try {
      await refresh();
    } catch (error) {
      showState("bad", "no answer", [`The gateway does not answer: ${error.message}. What stands below is from before.`]);
    }
  }
  setTimeout(loop, period);
}

loop();

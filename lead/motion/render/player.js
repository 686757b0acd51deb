// The player of motions, as a custom element: <motion-player>. `MotionPlayer.figure` says how bodies are drawn, and
// `set` what is shown. Nothing is fetched.
// Figure: {capsules: [{start, end, radii, part}], colors, marks, skin}; without the skin of skin.py figures are capsules. A capsule's ends are sums of joints, [[joint, weight], ...];
// its radii are meters, times a motion's size.
// Motions: [{title, fps, frames, unit, size, joints, turns, contacts, marks}]. joints: base64 of little-endian int16
// [frames, 22, 3], `unit` meters each; Y up, the floor at 0. contacts: a digit a frame, 1 for a standing left foot plus
// 2 for a right one. marks: [start, end, title] of a stretch or a moment, in seconds.
const THEMES = {
  light: { ground: "#f5f6f8", grid: "#c9d0da", shadow: "#b0b6c1", lift: 1 },
  dark: { ground: "#16191e", grid: "#39414d", shadow: "#07080a", lift: 1.12 },
};
const TINTS = ["#7b4fc9", "#1f9d78", "#d1457f", "#b08a1e", "#3aa3c2", "#8a6d5a"];
const ALL = -1, OVERLAID = -2, EYE = 0.93, SLOW = 28, LEAST_DETAIL = 0.6; // milliseconds a frame, and a share of the pixels' side


const STYLE = `
  :host { display: block; --back: #f5f6f8; --ink: #22262d; --faint: #5c6470; --line: #d3d8e0; --panel: #fff; color-scheme: light; }
  :host([data-theme=dark]) { --back: #16191e; --ink: #e8ebf0; --faint: #9aa3b0; --line: #333943; --panel: #20242b; color-scheme: dark; }
  #all { display: flex; flex-direction: column; height: 100%; background: var(--back); color: var(--ink); font: 14px/1.4 system-ui, sans-serif; }
  header, footer { display: flex; gap: 8px 12px; align-items: center; flex-wrap: wrap; padding: 8px 14px; background: var(--panel); }
  header { border-bottom: 1px solid var(--line); } footer { border-top: 1px solid var(--line); }
  header select { max-width: 60%; }
  .key { color: var(--faint); } .key::before { content: "\\25cf\\a0"; color: var(--color); }
  .right { margin-left: auto; }
  select, button { font: inherit; color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: 6px; padding: 4px 10px; }
  button { cursor: pointer; } #play { min-width: 5em; }
  #stage { position: relative; flex: 1; min-height: 0; overflow: hidden; }
  canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: grab; }
  canvas:active { cursor: grabbing; }
  #titles { position: absolute; inset: 0; pointer-events: none; }
  #titles div { position: absolute; box-sizing: border-box; padding: 8px 12px; overflow: hidden; }
  #titles .beside { border-left: 1px solid var(--line); } #titles .below { border-top: 1px solid var(--line); }
  #titles p { margin: 0; overflow: hidden; text-overflow: ellipsis; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; }
  #times { flex: 1 1 12em; min-width: 0; } #line { width: 100%; margin: 0; accent-color: #2f6fd0; }
  #marks { position: relative; height: 1.6em; margin: 0 8px; } #marks:empty { display: none; }
  #marks button { position: absolute; box-sizing: border-box; height: 100%; min-width: 6px; padding: 0 5px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 12px; text-align: left; border-radius: 3px; color: var(--faint); }
  #marks button[aria-current=true] { color: var(--ink); border-color: #2f6fd0; } #marks .moment { width: 8px; margin-left: -4px; padding: 0; background: #2f6fd0; }
  #time { color: var(--faint); font-variant-numeric: tabular-nums; min-width: 13em; text-align: right; }
  #help { color: var(--faint); flex-basis: 100%; font-size: 12px; }
  @media (max-width: 640px), (max-height: 480px) { #help { display: none; } }
  :host([embedded]) header, :host([embedded]) footer { padding: 4px 8px; font-size: 13px; }
  :host([embedded]) #which:has(option:only-child) { display: none; }
  :host([embedded]) :is(#help, #theme), :host([compact]) :is(header, #speed, #ended, #time, label) { display: none; }
`;
const CONTENT = `
<header>
  <select id="which" aria-label="what is shown"></select>
  <span class="key" id="left">left</span><span class="key" id="right">right</span>
  <button id="reset" class="right" title="the first view again (R)">Reset view</button>
  <button id="theme" title="light or dark (T)">Theme</button>
</header>
<div id="stage"><canvas id="view" aria-label="the motions"></canvas><div id="titles"></div></div>
<footer>
  <button id="play"></button>
  <div id="times"><div id="marks"></div><input id="line" type="range" min="0" step="1" value="0" aria-label="time"></div>
  <span id="time"></span>
  <select id="speed" aria-label="speed">
    <option value="0.1">0.1x</option><option value="0.25">0.25x</option><option value="0.5">0.5x</option>
    <option value="1" selected>1x</option><option value="2">2x</option>
  </select>
  <select id="ended" aria-label="motions that have ended" title="motions that have ended (L)">
    <option value="hold">hold at the end</option><option value="loop">loop each</option>
  </select>
  <label><input id="follow" type="checkbox" checked> follow</label>
  <label><input id="trail" type="checkbox"> trail</label>
  <label><input id="contacts" type="checkbox"> contacts</label>
  <span id="help">Drag to turn, wheel or pinch to zoom, Shift-drag to move. Space plays, arrows step (Shift: ten frames),
    Home and End jump, - and + change the speed, 1 to 9 choose a motion, 0 all, O overlaid, F follows, L loops
    each motion, P shows the paths, C the feet that stand.</span>
</footer>
`;

class MotionPlayer extends HTMLElement {
  static figure = null;
  static active = null; // the one that keys act on
  wanted = {}; // what was set, in order

  connectedCallback() {
    const root = this.shadowRoot || this.attachShadow({ mode: "open" });
    root.replaceChildren(document.createRange().createContextualFragment(`<style>${STYLE}</style><div id="all">${CONTENT}</div>`));
    MotionPlayer.active ??= this;
    this.player = startPlayer(this, root, MotionPlayer.figure);
    for (const [name, value] of Object.entries(this.wanted)) this.player[name](value);
  }
  disconnectedCallback() {
    this.player.stop();
    this.player = null;
    if (MotionPlayer.active === this) MotionPlayer.active = document.querySelector("motion-player");
  }
  // Show `motions`, or set the `options`, the `theme`, the `range` of seconds that is played, a `path` on the floor, and
  // whether dragging is `drawing` one.
  set(name, value) { this.wanted[name] = value; this.player?.[name](value); }
}

function startPlayer(host, root, data) {
  const el = id => root.getElementById(id);
  const canvas = el("view"), N = data.capsules.length;
  let motions = [];
  const unpack = m => ({
    ...m, joints: new Int16Array(bytesOf(m.joints)), turns: m.turns && data.skin ? new Int16Array(bytesOf(m.turns)) : null,
    seconds: Math.max(m.frames - 1, 1) / m.fps,
  });
  const view = { azimuth: 0.62, elevation: 0.24, distance: 5.5, pan: [0, 0, 0] };
  const FIRST = JSON.stringify(view);
  const state = { time: 0, playing: !matchMedia("(prefers-reduced-motion: reduce)").matches, chosen: ALL, theme: "light", fixed: new Map(), range: null, path: [], drawing: null, detail: 1, pace: 16, stale: true, shown: 0 };

  const shown = () => state.chosen < 0 ? motions : motions.slice(state.chosen, state.chosen + 1);
  const seconds = () => Math.max(0, ...shown().map(m => m.seconds));
  const frameSeconds = () => 1 / Math.max(1, ...shown().map(m => m.fps));
  const ends = () => state.range || [0, seconds()]; // of what is played

  // The time within a motion: it holds its end, or begins again, while others go on.
  const timeOf = motion => el("ended").value === "loop" ? state.time % (motion.seconds + 1 / motion.fps) : Math.min(state.time, motion.seconds);

  // Marks on the ground at a time of the motion: [x, y, z, radius] of starts and ends as a figure's limbs, and their colors.
  function marksAt(motion, time) {
    const ends = [], colors = [], { trail, print, feet } = data.marks;
    const last = clamp(Math.floor(time * motion.fps), 0, motion.frames - 1);
    const at = (frame, joint) => [0, 2].map(k => motion.joints[66 * frame + 3 * joint + k] * motion.unit);
    const add = (a, b, radius, color) => { ends.push(a[0], 0, a[1], radius, b[0], 0, b[1], radius); colors.push(color.map(c => c / 255)); };
    if (el("trail").checked) {
      let before = at(0, 0);
      for (let f = 1; f <= last; f++) {
        const here = at(f, 0);
        if (f < last && Math.hypot(here[0] - before[0], here[1] - before[1]) < 0.03) continue;
        add(before, here, trail.radius, trail.color); before = here;
      }
    }
    if (el("contacts").checked) ["left", "right"].forEach((side, i) => {
      if (!(Number(motion.contacts[last]) & 1 << i)) return;
      const ankle = at(last, feet[0][i]), toe = at(last, feet[1][i]);
      add(ankle, toe.map((x, k) => ankle[k] + print.length * (x - ankle[k])), print.radius, data.colors[side]);
    });
    state.path.forEach((to, i) => { if (i) add(state.path[i - 1], to, 2 * trail.radius, data.marks.path); });
    return { ends: new Float32Array(ends), colors };
  }

  // Joints at a time, between frames by a straight line.
  function poseAt(motion, time) {
    const at = clamp(time * motion.fps, 0, motion.frames - 1), frame = Math.floor(at), part = at - frame;
    const a = frame * 66, b = Math.min(frame + 1, motion.frames - 1) * 66, pose = new Float32Array(66);
    for (let k = 0; k < 66; k++) pose[k] = motion.unit * (motion.joints[a + k] * (1 - part) + motion.joints[b + k] * part);
    return pose;
  }

  // [x, y, z, radius] of each capsule's start and end, one after the other.
  function figureAt(motion, time) {
    const pose = poseAt(motion, time), ends = new Float32Array(8 * N);
    data.capsules.forEach((capsule, i) => [capsule.start, capsule.end].forEach((place, side) => {
      const o = 8 * i + 4 * side;
      for (const [joint, weight] of place) for (let k = 0; k < 3; k++) ends[o + k] += weight * pose[3 * joint + k];
      ends[o + 3] = capsule.radii[side] * motion.size;
    }));
    return ends;
  }

  // What the camera looks at: the root's place, a mean over one second around the time.
  function targetOf(motion, time) {
    if (!el("follow").checked && state.fixed.has(motion)) return state.fixed.get(motion);
    const middle = Math.round(time * motion.fps), reach = Math.round(motion.fps / 2), sum = [0, 0];
    for (let f = middle - reach; f <= middle + reach; f++) {
      const o = clamp(f, 0, motion.frames - 1) * 66;
      sum[0] += motion.joints[o] * motion.unit; sum[1] += motion.joints[o + 2] * motion.unit;
    }
    const target = [sum[0] / (2 * reach + 1), EYE, sum[1] / (2 * reach + 1)];
    state.fixed.set(motion, target);
    return target;
  }

  // Where the panels are, in CSS pixels from the top left, as wide as the figures allow: [{motions, x, y, w, h}].
  function panels() {
    const width = canvas.clientWidth, height = canvas.clientHeight;
    const groups = (state.chosen === ALL ? motions.map(m => [m]) : [shown()]).filter(group => group.length);
    let best = { zoom: 0, columns: 1 };
    for (let columns = 1; columns <= groups.length; columns++) {
      const zoom = Math.min(height / Math.ceil(groups.length / columns), 1.2 * width / columns);
      if (zoom > best.zoom) best = { zoom, columns };
    }
    const rows = Math.ceil(groups.length / best.columns), w = width / best.columns, h = height / rows;
    return groups.map((group, i) => ({ motions: group, x: (i % best.columns) * w, y: Math.floor(i / best.columns) * h, w, h }));
  }

  function cameraOf(panel) {
    const { azimuth: a, elevation: e, distance, pan } = view, [ca, sa, ce, se] = [Math.cos(a), Math.sin(a), Math.cos(e), Math.sin(e)];
    const axes = [[ca, 0, -sa], [-sa * se, ce, -ca * se], [sa * ce, se, ca * ce]];
    const target = targetOf(panel.motions[0], timeOf(panel.motions[0])).map((x, k) => x + pan[k]);
    return { axes, target, distance, focal: Math.min(2.25 * panel.h, 3.1 * panel.w), reach: 2.5 + 0.45 * distance };
  }

  const tintOf = i => i ? TINTS[(i - 1) % TINTS.length] : ""; // of the i-th of overlaid motions
  const colorOf = (part, tint) => {
    const lift = THEMES[state.theme].lift, base = data.colors[part].map(c => Math.min(c / 255 * lift, 1));
    return tint ? rgb(tint).map((c, k) => 0.75 * c + 0.25 * base[k]) : base;
  };

  const paint = lightPainter(canvas, data) || flatPainter(canvas, data);

  function draw() {
    const theme = THEMES[state.theme], scale = devicePixelRatio * (state.playing ? state.detail : 1);
    const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    for (const panel of panels()) {
      const figures = panel.motions.map((m, i) => {
        const tint = tintOf(i), ends = figureAt(m, timeOf(m)), marks = marksAt(m, timeOf(m)), bones = m.turns && bonesOf(data.skin, m, poseAt(m, timeOf(m)), timeOf(m));
        if (i && el("follow").checked) { // overlaid figures stay together
          const [a, b] = [panel.motions[0], m].map(one => targetOf(one, timeOf(one)));
          for (const moved of [ends, marks.ends]) for (let o = 0; o < moved.length; o += 4) { moved[o] += a[0] - b[0]; moved[o + 2] += a[2] - b[2]; }
          if (bones) for (let o = 0; o < bones.length; o += 12) { bones[o + 3] += a[0] - b[0]; bones[o + 11] += a[2] - b[2]; }
        }
        return { ends, tint, marks, bones, colors: data.capsules.map(c => colorOf(c.part, tint)), paints: ["left", "right", "trunk"].map(part => colorOf(part, tint)) };
      });
      paint(panel, cameraOf(panel), figures, theme);
    }
    const longest = seconds(), frame = Math.round(state.time / frameSeconds());
    el("time").textContent = `${state.time.toFixed(2)} / ${longest.toFixed(2)} s, frame ${frame}`;
    const of = marked();
    if (of) of.marks.forEach(([start, end], i) => { el("marks").children[i].ariaCurrent = start <= timeOf(of) && timeOf(of) < Math.max(end, start + 0.1); });
    el("line").max = Math.round(1000 * longest); el("line").value = Math.round(1000 * state.time);
  }

  function titles() {
    el("titles").replaceChildren(...panels().map(panel => {
      const box = document.createElement("div");
      Object.assign(box.style, { left: panel.x + "px", top: panel.y + "px", width: panel.w + "px", height: panel.h + "px" });
      box.classList.toggle("beside", panel.x > 1); box.classList.toggle("below", panel.y > 1);
      panel.motions.forEach((m, i) => {
        const line = document.createElement("p");
        line.textContent = m.title;
        line.style.color = tintOf(i);
        box.append(line);
      });
      return box;
    }));
  }

  // The marks of the first shown motion that has some, above the time; each is a button that goes there.
  const marked = () => shown().find(m => m.marks.length);
  function marks() {
    const motion = marked(), whole = seconds();
    el("marks").replaceChildren(...(motion ? motion.marks : []).map(([start, end, title]) => {
      const box = document.createElement("button");
      Object.assign(box.style, { left: 100 * start / whole + "%", width: end > start ? 100 * (end - start) / whole + "%" : "" });
      box.classList.toggle("moment", end <= start);
      box.textContent = end > start ? title : "";
      box.title = `${title}, ${start.toFixed(1)} s` + (end > start ? ` to ${end.toFixed(1)} s` : "");
      box.onclick = () => go(start);
      return box;
    }));
  }

  function change(more) { Object.assign(state, more); el("play").textContent = state.playing ? "Pause" : "Play"; state.stale = true; }
  function go(time) { change({ playing: false, time: clamp(time, 0, seconds()) }); }
  function choose(which) {
    if (![...el("which").options].some(option => Number(option.value) === which)) return;
    el("which").value = which;
    change({ chosen: which, time: Math.min(state.time, Math.max(...(which < 0 ? motions : [motions[which]]).map(m => m.seconds))) });
    titles(); marks();
  }
  function dress(theme) {
    host.dataset.theme = theme;
    change({ theme });
    for (const side of ["left", "right"]) el(side).style.setProperty("--color", `rgb(${data.colors[side].join(" ")})`);
  }
  function speed(step) { const box = el("speed"); box.selectedIndex = clamp(box.selectedIndex + step, 0, box.options.length - 1); }

  el("play").onclick = () => change({ playing: !state.playing });
  el("line").oninput = () => go(el("line").value / 1000);
  el("which").onchange = () => choose(Number(el("which").value));
  el("theme").onclick = () => {
    const theme = state.theme === "light" ? "dark" : "light";
    if (host.dispatchEvent(new CustomEvent("theme", { detail: theme, cancelable: true }))) dress(theme);
  };
  el("reset").onclick = () => { Object.assign(view, JSON.parse(FIRST)); el("follow").checked = true; change({}); };
  for (const id of ["follow", "trail", "contacts", "ended"]) el(id).onchange = () => change({});
  const KEYS = {
    " ": () => el("play").click(), f: () => el("follow").click(), r: () => el("reset").click(), t: () => el("theme").click(),
    ArrowRight: ten => go(state.time + frameSeconds() * ten), ArrowLeft: ten => go(state.time - frameSeconds() * ten),
    Home: () => go(0), End: () => go(seconds()), "-": () => speed(-1), "+": () => speed(1), "=": () => speed(1),
    0: () => choose(motions.length > 1 ? ALL : 0), o: () => choose(OVERLAID),
    l: () => { el("ended").selectedIndex = 1 - el("ended").selectedIndex; change({}); }, p: () => el("trail").click(), c: () => el("contacts").click(),
  };
  for (let i = 1; i <= 9; i++) KEYS[i] = () => choose(i - 1);
  // Keys act on the player that was used last, unless something else on the page has the focus.
  function press(event) {
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key], at = event.composedPath()[0];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || at.tagName === "SELECT") return;
    if (host !== MotionPlayer.active || !(root.contains(at) || at.contains(host))) return;
    event.preventDefault();
    act(event.shiftKey ? 10 : 1);
  }
  addEventListener("keydown", press);
  host.addEventListener("pointerdown", () => { MotionPlayer.active = host; });

  // One pointer turns (with Shift, or the other buttons, it moves the view), two pinch.
  const pointers = new Map();
  const zoom = by => { view.distance = clamp(view.distance * by, 1.2, 60); change({}); };
  canvas.onpointerdown = event => {
    canvas.setPointerCapture(event.pointerId); pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (state.drawing) change({ path: [floorAt(event)].filter(Boolean) });
  };
  canvas.onpointerup = canvas.onpointercancel = event => {
    pointers.delete(event.pointerId);
    if (state.drawing) host.dispatchEvent(new CustomEvent("path", { detail: state.path }));
  };
  // Where on the floor a pointer is, [x, z] in meters; null above the horizon.
  function floorAt(event) {
    const box = canvas.getBoundingClientRect(), [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const panel = panels().find(p => x >= p.x && x < p.x + p.w && y >= p.y && y < p.y + p.h);
    if (!panel) return null;
    const { axes, target, distance, focal } = cameraOf(panel), [r, u] = [(x - panel.x - panel.w / 2) / focal, (panel.y + panel.h / 2 - y) / focal];
    const eye = target.map((t, k) => t + axes[2][k] * distance), way = [0, 1, 2].map(k => r * axes[0][k] + u * axes[1][k] - axes[2][k]);
    return way[1] < -1e-3 ? [0, 2].map(k => eye[k] - way[k] * eye[1] / way[1]) : null;
  }
  canvas.oncontextmenu = event => event.preventDefault();
  canvas.onpointermove = event => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY], [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    const other = [...pointers].find(([id]) => id !== event.pointerId);
    pointers.set(event.pointerId, now);
    if (state.drawing) {
      const at = floorAt(event), end = state.path.at(-1);
      if (at && (!end || Math.hypot(at[0] - end[0], at[1] - end[1]) > 0.05)) change({ path: [...state.path, at] });
    } else if (other) {
      const apart = spot => Math.hypot(spot[0] - other[1][0], spot[1] - other[1][1]);
      zoom(apart(before) / Math.max(apart(now), 1));
    } else if (event.shiftKey || event.buttons > 1) {
      const { axes, focal, distance } = cameraOf(panels()[0]);
      view.pan = view.pan.map((x, k) => x + (axes[1][k] * dy - axes[0][k] * dx) * distance / focal);
      change({});
    } else {
      view.azimuth -= dx * 0.008; view.elevation = clamp(view.elevation + dy * 0.006, -0.15, 1.55);
      change({});
    }
  };
  canvas.addEventListener("wheel", event => { event.preventDefault(); zoom(Math.exp(event.deltaY * 0.001)); }, { passive: false });
  const observer = new ResizeObserver(() => { titles(); change({}); });
  observer.observe(canvas);

  let last = performance.now(), ticking = requestAnimationFrame(tick);
  function tick(now) {
    if (state.playing && motions.length) {
      const time = state.time + (now - last) / 1000 * Number(el("speed").value), [start, end] = ends();
      change({ time: time > end || time < start - 0.001 ? start : time });
    }
    if (state.playing) adapt(now - last);
    last = now;
    if (state.stale) { state.stale = false; draw(); }
    ticking = requestAnimationFrame(tick);
  }

  // Where frames take too long, a playing motion is drawn with fewer pixels; one that stands still never is.
  function adapt(milliseconds) {
    if (milliseconds > 1000) return; // the page was hidden
    state.pace = 0.9 * state.pace + 0.1 * milliseconds;
    if (state.pace > SLOW && state.detail > LEAST_DETAIL) { state.detail = Math.max(0.8 * state.detail, LEAST_DETAIL); state.pace = 16; }
  }

  // Other motions, from the beginning. What is chosen stays chosen where it can.
  function show(packed) {
    const before = motions.length > 1 ? state.chosen : ALL; // one alone was not chosen
    motions = packed.map(unpack);
    state.fixed.clear();
    const many = motions.length, box = el("which");
    box.replaceChildren(...(many > 1 ? [new Option(`all ${many}, side by side`, ALL), new Option(`all ${many}, overlaid`, OVERLAID)] : []),
      ...motions.map((m, i) => new Option(`${i + 1}. ${m.title}`, i)));
    canvas.style.visibility = many ? "" : "hidden";
    change({ time: 0, range: null, shown: state.shown + 1 });
    choose(many === 1 ? 0 : before >= many ? ALL : before);
  }
  function options({ loop, trail, contacts, overlaid }) {
    el("ended").value = loop ? "loop" : "hold";
    el("trail").checked = trail; el("contacts").checked = contacts;
    if (overlaid !== undefined) choose(overlaid && motions.length > 1 ? OVERLAID : motions.length === 1 ? 0 : ALL);
    change({});
  }
  function stop() {
    cancelAnimationFrame(ticking); observer.disconnect(); removeEventListener("keydown", press);
    canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
  }
  dress(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  return {
    motions: show, options, theme: dress, go, stop, state, change,
    range: range => change({ range }), path: path => change({ path }), drawing: drawing => change({ drawing }),
  };
}

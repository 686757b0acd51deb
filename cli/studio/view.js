// A <motion-player> on the page. It follows the page's light or dark theme.
const NAMES = ["motions", "options", "range", "path", "drawing"];
export default {
  template: `<div class="player"><div v-if="!motions.length" class="player-hint">{{ hint }}</div></div>`,
  props: { hint: String, motions: Array, options: Object, range: Array, path: Array, drawing: Boolean, compact: Boolean, keepTime: Boolean },
  mounted() {
    this.player = document.createElement("motion-player");
    this.player.toggleAttribute("embedded", true);
    this.sent = {};
    this.player.toggleAttribute("compact", this.compact);
    this.player.style.height = "100%";
    this.player.addEventListener("theme", event => { event.preventDefault(); emitEvent("theme", event.detail); });
    this.player.addEventListener("path", event => this.$emit("path", { points: event.detail }));
    for (const name of NAMES) {
      this.put(name);
      this.$watch(name, () => this.put(name));
    }
    this.dress();
    this.observer = new MutationObserver(() => this.dress());
    this.observer.observe(document.body, { attributeFilter: ["class"] });
    this.$el.append(this.player);
  },
  unmounted() { this.observer.disconnect(); },
  methods: {
    // The page sends all of an element where a part of it changed: what is the same is not set again.
    put(name) {
      const value = this[name] ?? (name === "path" ? [] : null), text = JSON.stringify(value);
      if (text === this.sent[name]) return;
      this.sent[name] = text;
      const time = name === "motions" && this.keepTime && this.player.player?.state.time;
      this.player.set(name, value);
      if (time) this.player.player.change({ time });
      if (name === "motions") this.player.style.visibility = value.length ? "" : "hidden";
      if (name === "motions") { this.sent.range = ""; this.put("range"); } // which other motions end
    },
    dress() { this.player.set("theme", document.body.classList.contains("body--dark") ? "dark" : "light"); },
    go(seconds) { this.player.player?.go(seconds); },
    play(playing) { this.player.player?.change({ playing }); },
  },
};

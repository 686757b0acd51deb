// A <motion-player> on the page. It follows the page's light or dark theme.
export default {
  template: `<div style="height: 100%; min-height: 0"></div>`,
  props: { motions: Array, options: Object, compact: Boolean, range: Array, path: Array, drawing: Boolean },
  mounted() {
    this.player = document.createElement("motion-player");
    this.player.toggleAttribute("embedded", true);
    this.player.toggleAttribute("compact", this.compact);
    this.player.style.height = "100%";
    this.player.addEventListener("theme", event => { event.preventDefault(); emitEvent("theme", event.detail); });
    this.player.addEventListener("path", event => this.$emit("path", { points: event.detail }));
    this.$el.append(this.player);
    this.observer = new MutationObserver(() => this.dress());
    this.observer.observe(document.body, { attributeFilter: ["class"] });
    this.dress();
    this.show();
    this.$watch("motions", this.show);
    this.$watch("options", this.choose);
    this.$watch("range", () => this.player.player.change({ range: this.range }));
    this.$watch("path", () => this.player.player.change({ path: this.path || [] }));
    this.$watch("drawing", () => this.player.player.change({ drawing: this.drawing }));
  },
  unmounted() {
    this.observer.disconnect();
    this.player.remove();
  },
  methods: {
    dress() { this.player.player.dress(document.body.classList.contains("body--dark") ? "dark" : "light"); },
    choose() { this.player.player.set(this.options); },
    show() {
      this.player.motions = this.motions;
      this.choose();
      this.player.player.change({ range: this.range, path: this.path || [], drawing: this.drawing });
    },
    go(seconds) { this.player.player.go(seconds); },
    play(playing) { this.player.player.change({ playing }); },
  },
};

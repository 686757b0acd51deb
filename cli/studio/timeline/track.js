// Segments one after the other, as wide as they last. A border is dragged to make a segment longer or shorter, a
// segment to put it elsewhere; a click chooses one. Events: choose {index}, lengthen {index, seconds}, move {index, to}.
const STEP = 0.2, LEAST_WIDTH = 26, MOVED = 6; // seconds; pixels
export default {
  template: `
    <div class="track">
      <div class="track-line" ref="line">
        <div v-for="(one, i) in segments" :key="i" class="track-segment" :class="{ chosen: i === chosen, moved: drag?.moved && drag.index === i }"
             :style="{ width: width(i) + 'px' }" :title="one.prompt" @pointerdown="take($event, i, 'move')">
          <span class="track-prompt">{{ one.prompt || "(no prompt)" }}</span>
          <span class="track-seconds">{{ lasts(i).toFixed(1) }} s</span>
          <span class="track-border" title="drag: longer or shorter" @pointerdown.stop="take($event, i, 'lengthen')"></span>
        </div>
        <div v-if="drag?.moved" class="track-gap" :style="{ left: gap() + 'px' }"></div>
      </div>
      <div class="track-ruler">
        <span v-for="t in ticks()" :key="t" :style="place(t)">{{ t }}</span>
      </div>
    </div>`,
  props: { segments: Array, chosen: Number, shortest: Number, longest: Number },
  data() { return { drag: null, lengths: {}, room: 800 }; },
  computed: {
    total() { return this.segments.reduce((sum, one) => sum + one.seconds, 0) || 1; },
    scale() { return this.drag?.scale ?? (this.room - 2) / this.total; }, // pixels a second; it stands still while a border is dragged
  },
  watch: { segments() { this.lengths = {}; } },
  mounted() {
    this.observer = new ResizeObserver(() => { this.room = this.$el.clientWidth || this.room; });
    this.observer.observe(this.$el);
  },
  unmounted() { this.observer.disconnect(); },
  methods: {
    lasts(i) { return this.lengths[i] ?? this.segments[i].seconds; },
    width(i) { return Math.max(this.lasts(i) * this.scale, LEAST_WIDTH); },
    starts() { let at = 0; return [...this.segments.keys()].map(i => { const start = at; at += this.width(i); return start; }).concat(at); },
    ticks() {
      const every = [1, 2, 5, 10, 30, 60, 300, 600].find(step => step * this.scale >= 34) || 600;
      return Array.from({ length: Math.floor(this.total / every) + 1 }, (_, k) => k * every);
    },
    place(t) { // the last number ends where the track does
      return t * this.scale > this.room - 24 ? { right: 0 } : { left: t * this.scale + "px" };
    },
    target() { // before which segment the dragged one would stand
      const x = this.drag.x - this.$refs.line.getBoundingClientRect().left, starts = this.starts();
      const found = this.segments.findIndex((_, i) => x < (starts[i] + starts[i + 1]) / 2);
      return found < 0 ? this.segments.length : found;
    },
    gap() { return this.starts()[this.target()]; },
    take(event, index, kind) {
      if (event.button) return;
      const from = event.clientX, before = this.segments[index].seconds, target = event.currentTarget;
      this.drag = { index, kind, x: from, moved: false, scale: this.scale };
      target.setPointerCapture(event.pointerId);
      target.onpointermove = now => {
        this.drag.x = now.clientX;
        if (kind === "move") { this.drag.moved ||= Math.abs(now.clientX - from) > MOVED && this.segments.length > 1; return; }
        const seconds = Math.round((before + (now.clientX - from) / this.drag.scale) / STEP) * STEP;
        this.lengths = { ...this.lengths, [index]: Math.min(Math.max(seconds, this.shortest), this.longest) };
      };
      target.onpointerup = target.onpointercancel = end => {
        target.onpointermove = target.onpointerup = target.onpointercancel = null;
        const { moved } = this.drag, at = moved ? this.target() : 0, to = at > index ? at - 1 : at;
        this.drag = null;
        if (end.type === "pointercancel") { this.lengths = {}; return; }
        if (kind === "lengthen" && this.lengths[index] !== undefined) this.$emit("lengthen", { index, seconds: Number(this.lengths[index].toFixed(2)) });
        else if (kind === "move" && moved && to !== index) this.$emit("move", { index, to });
        else this.$emit("choose", { index });
      };
    },
  },
};

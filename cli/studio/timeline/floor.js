// The floor from above, a line a meter: +Z is up, +X to the left, as a person sees it who stands at 0,0 and looks along +Z.
// A click sets a point of the path at its end, dragging draws, points can be dragged, a double click takes one away.
// Event: path {points: [[x, z], ...]} in meters. `trail` is the way of a motion, `stands` [x, z, heading, name] of poses.
const NEAR = 0.5, ROUND = 20; // meters between points that are drawn; points lie on twentieths of a meter
export default {
  template: `
    <svg class="floor" :viewBox="[-reach, -reach, 2 * reach, 2 * reach].join(' ')" ref="svg" @pointerdown="begin">
      <g class="floor-grid" :stroke-width="0.006 * reach">
        <template v-for="k in lines()" :key="k">
          <line :x1="k" :x2="k" :y1="-reach" :y2="reach" :class="{ axis: k === 0 }" />
          <line :y1="k" :y2="k" :x1="-reach" :x2="reach" :class="{ axis: k === 0 }" />
          <text v-if="k % every() === 0 && k" :x="k" :y="0.05 * reach" :font-size="0.075 * reach">{{ -k }}</text>
          <text v-if="k % every() === 0 && k" :x="0.05 * reach" :y="k + 0.025 * reach" :font-size="0.075 * reach">{{ -k }}</text>
        </template>
      </g>
      <path class="floor-start" :d="arrow(0, 0, 0)" />
      <polyline class="floor-trail" :points="line(trail)" :stroke-width="0.012 * reach" />
      <polyline class="floor-path" :points="line(drawn)" :stroke-width="0.022 * reach" />
      <g v-for="(one, i) in stands" :key="'s' + i" class="floor-pose">
        <path :d="arrow(one[0], one[1], one[2])" /><text :x="-one[0]" :y="-one[1] - 0.1 * reach" :font-size="0.085 * reach">{{ one[3] }}</text>
      </g>
      <circle v-for="(p, i) in drawn" :key="i" :cx="-p[0]" :cy="-p[1]" :r="0.035 * reach" class="floor-point" :class="{ first: i === 0 }"
              @pointerdown.stop="hold($event, i)" @dblclick.stop="drop(i)" />
    </svg>`,
  props: { points: Array, trail: Array, stands: Array, reach: Number },
  data() { return { own: null }; },
  computed: { drawn() { return this.own ?? this.points; } },
  watch: { points() { this.own = null; } },
  methods: {
    every() { return this.reach > 10 ? 5 : this.reach > 5 ? 2 : 1; },
    lines() { const n = Math.floor(this.reach); return Array.from({ length: 2 * n + 1 }, (_, k) => k - n); },
    line(points) { return points.map(([x, z]) => `${-x},${-z}`).join(" "); },
    arrow(x, z, heading) { // a triangle that points where a body faces
      const a = heading * Math.PI / 180, size = 0.07 * this.reach;
      const corner = turn => `${-(x + size * Math.sin(a + turn))} ${-(z + size * Math.cos(a + turn))}`;
      return `M ${corner(0)} L ${corner(2.4)} L ${-x} ${-z} L ${corner(-2.4)} Z`;
    },
    at(event) {
      const box = this.$refs.svg.getBoundingClientRect(), meters = 2 * this.reach / box.width;
      const [x, z] = [this.reach - (event.clientX - box.left) * meters, this.reach - (event.clientY - box.top) * meters];
      return [x, z].map(v => Math.round(Math.min(Math.max(v, -this.reach), this.reach) * ROUND) / ROUND);
    },
    follow(event, move) {
      const target = event.currentTarget;
      target.setPointerCapture(event.pointerId);
      target.onpointermove = now => move(this.at(now));
      target.onpointerup = target.onpointercancel = () => {
        target.onpointermove = target.onpointerup = target.onpointercancel = null;
        this.$emit("path", { points: this.own });
      };
    },
    begin(event) {
      if (event.button) return;
      this.own = [...this.drawn, this.at(event)];
      this.follow(event, here => {
        const end = this.own.at(-1);
        if (Math.hypot(here[0] - end[0], here[1] - end[1]) >= NEAR) this.own = [...this.own, here];
      });
    },
    hold(event, index) {
      if (event.button) return;
      this.own = [...this.drawn];
      this.follow(event, here => { this.own = this.own.map((p, i) => i === index ? here : p); });
    },
    drop(index) {
      this.own = this.drawn.filter((_, i) => i !== index);
      this.$emit("path", { points: this.own });
    },
  },
};

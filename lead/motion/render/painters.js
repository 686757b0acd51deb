// How the figures are drawn: with WebGL 2, or with the strokes of a 2D canvas. A painter is a function
// (panel, camera, figures, theme) => undefined that draws figures into a rectangle of its canvas.
const GRID = 0.5;
const bytesOf = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer;
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255);

// The rows of each bone's matrix [22, 3, 4], which moves vertices from where they are at rest; see skin.py. The pose is
// that of the motion's joints at the time.
function bonesOf(skin, motion, pose, time) {
  const { rest, bones } = skin, rows = new Float32Array(22 * 12);
  const at = clamp(time * motion.fps, 0, motion.frames - 1), frame = Math.floor(at), part = at - frame, next = Math.min(frame + 1, motion.frames - 1);
  const turn = (f, j) => {
    const o = 66 * f + 3 * j, [x, y, z] = [0, 1, 2].map(k => motion.turns[o + k] / 32767);
    return [x, y, z, Math.sqrt(Math.max(0, 1 - x * x - y * y - z * z))];
  };
  for (let j = 0; j < 22; j++) {
    const a = turn(frame, j), b = turn(next, j), sign = a.reduce((sum, v, k) => sum + v * b[k], 0) < 0 ? -part : part;
    let q = a.map((v, k) => v * (1 - part) + b[k] * sign);
    const norm = Math.hypot(...q), [x, y, z, w] = q.map(v => v / norm);
    const R = [
      [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
      [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
      [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ];
    const to = bones[j], s = motion.size, way = to < 0 ? [0, 0, 0] : rest[to].map((v, k) => v - rest[j][k]), length = Math.hypot(...way) || 1;
    const stretch = to < 0 ? s : Math.hypot(...[0, 1, 2].map(k => pose[3 * to + k] - pose[3 * j + k])) / length;
    const bone = way.map(v => v / length), along = R.map(row => row[0] * bone[0] + row[1] * bone[1] + row[2] * bone[2]);
    for (let r = 0; r < 3; r++) {
      const row = [0, 1, 2].map(k => s * R[r][k] + (stretch - s) * along[r] * bone[k]);
      rows.set([...row, pose[3 * j + r] - row[0] * rest[j][0] - row[1] * rest[j][1] - row[2] * rest[j][2]], 12 * j + 4 * r);
    }
  }
  return rows;
}

// Whether WebGL is computed by the processor, where smooth edges cost more than they show.
function drawsInSoftware() {
  const gl = document.createElement("canvas").getContext("webgl2"), info = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

// Draws with WebGL 2; null where the browser has none.
function lightPainter(canvas, data) {
  const N = data.capsules.length;
  const gl = canvas.getContext("webgl2", { antialias: !drawsInSoftware(), alpha: false });
  if (!gl) return null;
  const HEAD = "#version 300 es\nprecision highp float;\n";
  const CAMERA = "uniform mat3 axes; uniform vec3 target; uniform vec4 lens;\n" + // lens: x and y zoom, distance
    "vec4 seen(vec3 p) { vec3 q = (p - target) * axes; float d = lens.z - q.z; return vec4(q.xy * lens.xy, d * 1.002 - 0.1, d); }\n";
  function program(vertex, fragment) {
    const made = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, HEAD + text); gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    return { made, at: name => gl.getUniformLocation(made, name) };
  }
  const ground = program(CAMERA + `layout(location = 0) in vec4 corner; uniform float reach; out vec2 at;
    void main() { at = target.xz + reach * corner.xy; gl_Position = seen(vec3(at.x, 0, at.y)); }`,
  `in vec2 at; uniform vec3 target, back, grid; uniform float reach, cell; out vec4 color;
    void main() { vec2 u = at / cell, far = abs(u - round(u)) / fwidth(u);
      float line = clamp(1.1 - min(far.x, far.y), 0., 1.) * clamp(1. - distance(at, target.xz) / reach, 0., 1.);
      color = vec4(mix(back, grid, line), 1); }`);
  const shadow = program(CAMERA + `layout(location = 0) in vec4 corner; layout(location = 1) in vec4 start; layout(location = 2) in vec4 end;
    out vec2 at; flat out vec4 bone; flat out vec2 soft;
    void main() { vec2 along = end.xz - start.xz; float len = length(along); along = len > 1e-4 ? along / len : vec2(1, 0);
      float lift = max(0., (start.y + end.y) / 2.), size = .575 * (start.w + end.w) + .03 + .12 * lift;
      at = (start.xz + end.xz) / 2. + along * (len / 2. + size) * corner.x + vec2(-along.y, along.x) * size * corner.y;
      bone = vec4(start.xz, end.xz - start.xz); soft = vec2(size, 1. / (1. + 1.1 * lift)); gl_Position = seen(vec3(at.x, 0, at.y)); }`,
  `in vec2 at; flat in vec4 bone; flat in vec2 soft; uniform vec3 back, dark; out vec4 color;
    void main() { vec2 p = at - bone.xy; float t = clamp(dot(p, bone.zw) / (dot(bone.zw, bone.zw) + 1e-6), 0., 1.);
      float d = length(p - t * bone.zw) / soft.x; color = vec4(mix(back, dark, pow(max(0., 1. - d * d), 1.5) * soft.y), 1); }`);
  const mark = program(CAMERA + `layout(location = 0) in vec4 corner; layout(location = 1) in vec4 start; layout(location = 2) in vec4 end;
    layout(location = 3) in vec3 paint; out vec2 at; flat out vec4 bone; flat out float size; flat out vec3 tone;
    void main() { vec2 along = end.xz - start.xz; float len = length(along); along = len > 1e-4 ? along / len : vec2(1, 0); size = start.w;
      at = (start.xz + end.xz) / 2. + along * (len / 2. + size) * corner.x + vec2(-along.y, along.x) * size * corner.y;
      bone = vec4(start.xz, end.xz - start.xz); tone = paint; gl_Position = seen(vec3(at.x, 0, at.y)); }`,
  `in vec2 at; flat in vec4 bone; flat in float size; flat in vec3 tone; out vec4 color;
    void main() { vec2 p = at - bone.xy; float t = clamp(dot(p, bone.zw) / (dot(bone.zw, bone.zw) + 1e-6), 0., 1.), d = length(p - t * bone.zw);
      color = vec4(tone, .75 * clamp((size - d) / fwidth(d) + .5, 0., 1.)); }`);
  const LIGHT = `in vec3 normal, tone; uniform float opacity; out vec4 color;
    void main() { vec3 n = normalize(normal); float light = .5 + .5 * dot(n, vec3(-.42, .74, .53));
      color = vec4(tone * (.40 + .78 * light * (.72 + .28 * n.z)), opacity); }`;
  const body = program(CAMERA + `layout(location = 0) in vec4 vertex; layout(location = 1) in vec4 start; layout(location = 2) in vec4 end;
    layout(location = 3) in vec3 paint; out vec3 normal, tone;
    void main() { vec3 z = end.xyz - start.xyz; float len = length(z); z = len > 1e-5 ? z / len : vec3(0, 1, 0);
      vec3 x = normalize(cross(abs(z.y) < .9 ? vec3(0, 1, 0) : vec3(1, 0, 0), z)); vec4 e = mix(start, end, vertex.w);
      vec3 n = x * vertex.x + cross(z, x) * vertex.y + z * vertex.z;
      normal = n * axes; tone = paint; gl_Position = seen(e.xyz + n * e.w); }`,
  LIGHT);
  const skinned = data.skin && program(CAMERA + `layout(location = 0) in vec3 place; layout(location = 1) in vec3 up;
    layout(location = 2) in uvec4 joints; layout(location = 3) in vec4 weights; layout(location = 4) in vec3 part;
    uniform vec4 bones[66]; uniform mat3 paints; out vec3 normal, tone;
    void main() { mat3x4 bone = mat3x4(0);
      for (int k = 0; k < 4; k++) { float w = weights[k]; if (w == 0.) break; int j = 3 * int(joints[k]);
        bone[0] += w * bones[j]; bone[1] += w * bones[j + 1]; bone[2] += w * bones[j + 2]; }
      bone /= dot(weights, vec4(1)); tone = paints * part;
      normal = (vec4(up, 0) * bone) * axes; gl_Position = seen(vec4(place, 1) * bone); }`, LIGHT);
  // A sphere whose halves are pulled apart (w: 0 at the start, 1 at the end), and a square.
  const RINGS = 7, SIDES = 20, vertices = [], faces = [];
  for (let ring = 0; ring < 2 * RINGS; ring++) for (let side = 0; side < SIDES; side++) {
    const half = ring < RINGS ? 0 : 1, up = Math.PI / 2 * (ring - half - RINGS + 1) / (RINGS - 1), turn = 2 * Math.PI * side / SIDES;
    vertices.push(Math.cos(up) * Math.cos(turn), Math.cos(up) * Math.sin(turn), Math.sin(up), half);
    const a = ring * SIDES + side, b = ring * SIDES + (side + 1) % SIDES;
    if (ring < 2 * RINGS - 1) faces.push(a, b, a + SIDES, b, b + SIDES, a + SIDES);
  }
  const buffer = (kind, values) => { const made = gl.createBuffer(); gl.bindBuffer(kind, made); gl.bufferData(kind, values, gl.STATIC_DRAW); return made; };
  const limbs = gl.createBuffer(), paints = gl.createBuffer();
  function shape(values, index) {
    const made = gl.createVertexArray();
    gl.bindVertexArray(made); buffer(gl.ARRAY_BUFFER, new Float32Array(values));
    const attribute = (place, size, stride, offset, each) => {
      gl.enableVertexAttribArray(place); gl.vertexAttribPointer(place, size, gl.FLOAT, false, stride, offset); gl.vertexAttribDivisor(place, each);
    };
    attribute(0, 4, 16, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, limbs); attribute(1, 4, 32, 0, 1); attribute(2, 4, 32, 16, 1);
    gl.bindBuffer(gl.ARRAY_BUFFER, paints); attribute(3, 3, 12, 0, 1);
    if (index) buffer(gl.ELEMENT_ARRAY_BUFFER, new Uint16Array(index));
    return made;
  }
  gl.bindBuffer(gl.ARRAY_BUFFER, limbs); gl.bufferData(gl.ARRAY_BUFFER, 32 * N, gl.DYNAMIC_DRAW);
  gl.bindBuffer(gl.ARRAY_BUFFER, paints); gl.bufferData(gl.ARRAY_BUFFER, 12 * N, gl.DYNAMIC_DRAW);
  const sphere = shape(vertices, faces), square = shape([-1, -1, 0, 0, 1, -1, 0, 0, -1, 1, 0, 0, 1, 1, 0, 0]);
  const skin = skinned && wrap(data.skin);
  function wrap({ unit, vertices, normals, joints, weights, parts, triangles }) {
    const made = gl.createVertexArray(), faces = new Uint16Array(bytesOf(triangles));
    gl.bindVertexArray(made);
    [[Float32Array.from(new Int16Array(bytesOf(vertices)), v => v * unit), 3, gl.FLOAT], [new Int8Array(bytesOf(normals)), 3, gl.BYTE],
      [new Uint8Array(bytesOf(joints)), 4, 0], [new Uint8Array(bytesOf(weights)), 4, gl.UNSIGNED_BYTE], [new Uint8Array(bytesOf(parts)), 3, gl.UNSIGNED_BYTE]].forEach(([values, size, kind], place) => {
      buffer(gl.ARRAY_BUFFER, values); gl.enableVertexAttribArray(place);
      if (kind) gl.vertexAttribPointer(place, size, kind, kind !== gl.FLOAT, 0, 0);
      else gl.vertexAttribIPointer(place, size, gl.UNSIGNED_BYTE, 0, 0);
    });
    buffer(gl.ELEMENT_ARRAY_BUFFER, faces);
    return { made, count: faces.length };
  }
  return (panel, camera, figures, theme) => {
    const [left, bottom, right, top] = [panel.x, canvas.clientHeight - panel.y - panel.h, panel.x + panel.w, canvas.clientHeight - panel.y]
      .map(v => Math.round(v * canvas.width / canvas.clientWidth)), [x, y, w, h] = [left, bottom, right - left, top - bottom];
    gl.viewport(x, y, w, h); gl.scissor(x, y, w, h); gl.enable(gl.SCISSOR_TEST);
    gl.clearColor(...rgb(theme.ground), 1); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const use = one => {
      gl.useProgram(one.made);
      gl.uniformMatrix3fv(one.at("axes"), false, camera.axes.flat()); gl.uniform3fv(one.at("target"), camera.target);
      gl.uniform4f(one.at("lens"), 2 * camera.focal / panel.w, 2 * camera.focal / panel.h, camera.distance, 0);
    };
    gl.disable(gl.DEPTH_TEST); gl.disable(gl.BLEND); gl.bindVertexArray(square); use(ground);
    gl.uniform3fv(ground.at("back"), rgb(theme.ground)); gl.uniform3fv(ground.at("grid"), rgb(theme.grid));
    gl.uniform1f(ground.at("reach"), camera.reach); gl.uniform1f(ground.at("cell"), GRID);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    const put = (kept, values) => { gl.bindBuffer(gl.ARRAY_BUFFER, kept); gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW); };
    use(shadow); gl.uniform3fv(shadow.at("back"), rgb(theme.ground)); gl.uniform3fv(shadow.at("dark"), rgb(theme.shadow));
    gl.enable(gl.BLEND); gl.blendEquation(gl.MIN); // the darkest shadow counts
    for (const figure of figures) { put(limbs, figure.ends); gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, N); }
    gl.blendEquation(gl.FUNC_ADD); gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    use(mark);
    for (const { marks } of figures) {
      if (!marks.colors.length) continue;
      put(limbs, marks.ends); put(paints, new Float32Array(marks.colors.flat()));
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, marks.colors.length);
    }
    gl.enable(gl.DEPTH_TEST); gl.depthFunc(gl.LEQUAL);
    for (const figure of figures) {
      const one = figure.bones ? skinned : body;
      use(one); gl.uniform1f(one.at("opacity"), figure.tint ? 0.6 : 1);
      if (figure.bones) {
        gl.bindVertexArray(skin.made);
        gl.uniform4fv(one.at("bones"), figure.bones); gl.uniformMatrix3fv(one.at("paints"), false, figure.paints.flat());
      } else {
        gl.bindVertexArray(sphere);
        put(limbs, figure.ends); put(paints, new Float32Array(figure.colors.flat()));
      }
      // A figure that shows through is first drawn into the depths alone, so that its limbs hide each other.
      for (const colored of figure.tint ? [false, true] : [true]) {
        gl.colorMask(colored, colored, colored, true);
        if (figure.bones) gl.drawElements(gl.TRIANGLES, skin.count, gl.UNSIGNED_SHORT, 0);
        else gl.drawElementsInstanced(gl.TRIANGLES, faces.length, gl.UNSIGNED_SHORT, 0, N);
      }
    }
  };
}

// The same with the strokes of a 2D canvas, for browsers without WebGL.
function flatPainter(canvas, data) {
  const pen = canvas.getContext("2d"), css = color => `rgb(${color.map(c => Math.round(255 * c)).join(" ")})`;
  return (panel, { axes, target, distance, focal, reach }, figures, theme) => {
    const project = (x, y, z) => {
      const d = [x - target[0], y - target[1], z - target[2]], [r, u, a] = axes.map(axis => axis[0] * d[0] + axis[1] * d[1] + axis[2] * d[2]);
      const zoom = focal / Math.max(distance - a, 0.05);
      return { x: panel.w / 2 + r * zoom, y: panel.h / 2 - u * zoom, depth: distance - a, zoom };
    };
    const stroke = (a, b, width, color) => {
      pen.strokeStyle = color; pen.lineWidth = width;
      pen.beginPath(); pen.moveTo(a.x, a.y); pen.lineTo(b.x + 0.01, b.y); pen.stroke();
    };
    pen.save(); pen.scale(canvas.width / canvas.clientWidth, canvas.height / canvas.clientHeight); pen.translate(panel.x, panel.y);
    pen.beginPath(); pen.rect(0, 0, panel.w, panel.h); pen.clip();
    pen.fillStyle = theme.ground; pen.fillRect(0, 0, panel.w, panel.h);
    for (const axis of [0, 2]) for (let at = Math.ceil((target[axis] - reach) / GRID) * GRID; at < target[axis] + reach; at += GRID) {
      const half = Math.sqrt(Math.max(0, reach ** 2 - (at - target[axis]) ** 2)) * 0.8;
      const [a, b] = [-half, half].map(s => axis ? project(target[0] + s, 0, at) : project(at, 0, target[2] + s));
      if (a.depth > 0.05 && b.depth > 0.05) stroke(a, b, 1, theme.grid);
    }
    pen.lineCap = "round";
    for (const { marks } of figures) marks.colors.forEach((color, i) => {
      const o = 8 * i, a = project(marks.ends[o], 0, marks.ends[o + 2]), b = project(marks.ends[o + 4], 0, marks.ends[o + 6]);
      if (a.depth > 0.05 && b.depth > 0.05) stroke(a, b, 2 * marks.ends[o + 3] * b.zoom, css(color));
    });
    for (const { ends, colors, tint } of figures) {
      const limbs = data.capsules.map((_, i) => {
        const o = 8 * i, a = project(...ends.slice(o, o + 3)), b = project(...ends.slice(o + 4, o + 7)), radius = (ends[o + 3] + ends[o + 7]) / 2;
        stroke(project(ends[o], 0, ends[o + 2]), project(ends[o + 4], 0, ends[o + 6]), 2 * radius * a.zoom, theme.shadow);
        return { a, b, radius, color: colors[i], depth: (a.depth + b.depth) / 2 };
      }).sort((one, other) => other.depth - one.depth);
      pen.globalAlpha = tint ? 0.6 : 1;
      for (const { a, b, radius, color } of limbs) {
        stroke(a, b, 2 * radius * b.zoom, css(color.map(c => 0.72 * c)));
        stroke(a, b, 1.3 * radius * b.zoom, css(color));
      }
      pen.globalAlpha = 1;
    }
    pen.restore();
  };
}

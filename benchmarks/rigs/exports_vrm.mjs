// What `benchmarks.rigs.exports write` wrote, opened by pixiv's three-vrm (the reader of VRM viewers on the web) and judged
// by Khronos' glTF validator. Fails for a joint that is more than 1 mm off, a warning, and an error of the validator.
//
//     npm install --prefix MODULES three @pixiv/three-vrm @pixiv/three-vrm-animation gltf-validator
//     node benchmarks/rigs/exports_vrm.mjs FOLDER MODULES

import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, modules] = process.argv.slice(2);
const load = createRequire(join(modules, "node_modules", "x.js"));
globalThis.self = globalThis;
process.noDeprecation = true; // three asks for import, which does not take a folder
const complaints = [];
for (const level of ["warn", "error"]) console[level] = (...words) => complaints.push(words.join(" "));

const THREE = load("three");
const { GLTFLoader } = load("three/addons/loaders/GLTFLoader.js");
const { VRMLoaderPlugin } = load("@pixiv/three-vrm");
const { VRMAnimationLoaderPlugin, createVRMAnimationClip } = load("@pixiv/three-vrm-animation");
const validator = load("gltf-validator");

const SIDES = { hip: "UpperLeg", knee: "LowerLeg", ankle: "Foot", foot: "Toes", collar: "Shoulder",
                shoulder: "UpperArm", elbow: "LowerArm", wrist: "Hand" };
const MIDDLE = { pelvis: "hips", spine1: "spine", spine2: "chest", spine3: "upperChest", neck: "neck", head: "head" };

/** VRM's name of one of our joints. */
function boneOf(joint) {
  const [side, part] = joint.split("_");
  return MIDDLE[joint] ?? side + SIDES[part];
}

/** What GLTFLoader makes of a file. */
async function parse(name) {
  const bytes = readFileSync(join(folder, name));
  const loader = new GLTFLoader();
  loader.register((parser) => new VRMLoaderPlugin(parser));
  loader.register((parser) => new VRMAnimationLoaderPlugin(parser));
  return loader.parseAsync(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength), "");
}

/** The largest error of a joint of the avatar that plays a VRMA, in meters. */
async function measure(name, wanted) {
  const vrm = (await parse(wanted.avatar)).userData.vrm;
  const animation = (await parse(name)).userData.vrmAnimations[0];
  const clip = createVRMAnimationClip(animation, vrm);
  const mixer = new THREE.AnimationMixer(vrm.scene);
  mixer.clipAction(clip).setLoop(THREE.LoopOnce).play().clampWhenFinished = true;
  let off = Math.abs(clip.duration - (wanted.count - 1) / wanted.fps) > 1e-4 ? Infinity : 0;
  for (const [place, frame] of wanted.frames.entries()) {
    mixer.setTime(frame / wanted.fps);
    vrm.humanoid.update();
    vrm.scene.updateMatrixWorld(true);
    for (const [joint, places] of Object.entries(wanted.joints)) {
      const there = vrm.humanoid.getRawBoneNode(boneOf(joint)).getWorldPosition(new THREE.Vector3());
      off = Math.max(off, there.distanceTo(new THREE.Vector3(...places[place])));
    }
  }
  return off;
}

const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
const offs = [];
for (const [name, wanted] of Object.entries(expected))
  if (name.endsWith(".vrma")) offs.push(await measure(name, wanted));
const files = readdirSync(folder).filter((name) => /\.(glb|vrma)$/.test(name));
for (const name of files) {
  const { issues } = await validator.validateBytes(new Uint8Array(readFileSync(join(folder, name))));
  if (issues.numErrors + issues.numWarnings)
    complaints.push(...issues.messages.map((one) => `${name}: ${one.code} ${one.message} ${one.pointer}`));
}
const worst = Math.max(...offs);
console.log(`vrma    three-vrm ${offs.length} files, worst ${(1000 * worst).toFixed(4)} mm`);
console.log(`glb, vrma    glTF validator ${files.length} files`);
console.log(complaints.length ? complaints.join("\n") : "no warning and no error");
process.exit(worst > 0.001 || complaints.length ? 1 : 0);

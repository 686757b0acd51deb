// Checks GLB files with Khronos' validator; exit code 1 where it finds an error or a warning.
//
//     npm install --prefix TOOLS gltf-validator
//     NODE_PATH=TOOLS/node_modules node benchmarks/rigs/check_glb.js FILE.glb...

const fs = require("fs");
const validator = require("gltf-validator");

async function main(paths) {
  let clean = true;
  for (const path of paths) {
    const { issues } = await validator.validateBytes(new Uint8Array(fs.readFileSync(path)));
    clean = clean && issues.numErrors + issues.numWarnings === 0;
    console.log(`${path}: ${issues.numErrors} errors, ${issues.numWarnings} warnings, ${issues.numInfos} infos`);
    for (const { code, message, pointer } of issues.messages) console.log(`  ${code} ${pointer}: ${message}`);
  }
  process.exitCode = clean ? 0 : 1;
}

main(process.argv.slice(2));

// A place to drop files and folders on. What is dropped or picked goes to an uploader of the page, as far as its ending
// is wanted; the names of the rest are told.
const list = async entry => {
  if (entry.isFile) return [await new Promise((take, fail) => entry.file(take, fail))];
  const reader = entry.createReader(), found = [];
  for (let part; (part = await new Promise((take, fail) => reader.readEntries(take, fail))).length;) found.push(...part);
  return (await Promise.all(found.map(list))).flat();
};
export default {
  template: `<div @dragover.prevent="over = true" @dragleave="over = false" @drop.prevent="drop" :class="{ over }"><slot></slot>
    <input ref="files" type="file" multiple hidden @change="pick"><input ref="folder" type="file" webkitdirectory hidden @change="pick"></div>`,
  props: { uploader: Number, endings: Array, most: Number },
  data() { return { over: false }; },
  methods: {
    pickFiles() { this.$refs.files.click(); },
    pickFolder() { this.$refs.folder.click(); },
    pick(event) { this.send([...event.target.files]); event.target.value = ""; },
    async drop(event) {
      this.over = false;
      const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean);
      this.send((await Promise.all(entries.map(list))).flat());
    },
    send(files) {
      const isWanted = file => this.endings.some(ending => file.name.toLowerCase().endsWith(ending)) && !file.name.startsWith(".");
      const rest = files.filter(file => !isWanted(file)).map(file => file.name);
      if (rest.length) this.$emit("ignored", { names: rest.slice(0, 20), count: rest.length });
      const wanted = files.filter(isWanted);
      for (const { name, size } of wanted.filter(file => file.size > this.most)) this.$emit("large", { name, size });
      getElement(this.uploader).$refs.qRef.addFiles(wanted.filter(file => file.size <= this.most));
    },
  },
};

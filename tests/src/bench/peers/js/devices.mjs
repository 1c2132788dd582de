// Many devices of automerge-repo in one process. It is told what to do in lines of JSON and answers
// each with one.
import fs from "node:fs";
import readline from "node:readline";
import * as A from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";

/** What a device has on its disk; here it is held in memory, so that only the server's disk counts. */
class Memory {
  kept = new Map();
  async load(key) {
    return this.kept.get(key.join("/"));
  }
  async save(key, data) {
    this.kept.set(key.join("/"), data);
  }
  async remove(key) {
    this.kept.delete(key.join("/"));
  }
  async loadRange(prefix) {
    const under = prefix.join("/") + "/";
    return [...this.kept]
      .filter(([key]) => key.startsWith(under))
      .map(([key, data]) => ({ key: key.split("/"), data }));
  }
  async removeRange(prefix) {
    const under = prefix.join("/") + "/";
    for (const key of [...this.kept.keys()].filter((key) => key.startsWith(under))) {
      this.kept.delete(key);
    }
  }
}

const same = (a, b) => a !== undefined && a.length === b.length && a.every((head) => b.includes(head));
const heads = (handle) => (handle.isReady() ? A.getHeads(handle.doc()) : []);

class Device {
  messages = 0;
  /** What the server said last that it has, by document. */
  theirs = new Map();
  waiting = new Set();

  constructor(name, address) {
    this.adapter = new WebSocketClientAdapter(`ws://${address}`);
    const send = this.adapter.send.bind(this.adapter);
    this.adapter.send = (message) => {
      this.messages += 1;
      send(message);
    };
    this.adapter.on("message", () => (this.messages += 1));
    this.repo = new Repo({ network: [this.adapter], storage: new Memory(), peerId: name });
    this.repo.synchronizer.on("sync-state", ({ documentId, syncState }) => {
      this.theirs.set(documentId, syncState.theirHeads);
      this.look();
    });
  }

  /** Follows a document. */
  follow(handle) {
    handle.on("heads-changed", () => this.look());
    return handle;
  }

  look() {
    for (const each of this.waiting) {
      if (each.holds()) {
        this.waiting.delete(each);
        each.done();
      }
    }
  }

  /** Waits until this holds; it is looked at whenever a document or what the server has changes. */
  until(holds) {
    if (holds()) return Promise.resolve();
    return new Promise((done) => this.waiting.add({ holds, done }));
  }

  /** Says whether the server has said that it has what this device has of a document. */
  confirmed(handle) {
    return same(this.theirs.get(handle.documentId) ?? undefined, heads(handle));
  }

  leave() {
    this.adapter.disconnect();
  }

  /** Leaves, and does not connect again by itself. */
  leaveForGood() {
    this.adapter.connect = () => {};
    this.leave();
  }

  comeBack() {
    this.adapter.connect(this.adapter.peerId, this.adapter.peerMetadata);
  }
}

const scalar = (text) => new A.ImmutableString(text);

/** An item as it stands in a document: what is typed into is a text, what is chosen is a value. */
function content(item) {
  const attachments = {};
  for (const { id, name, hash, length } of item.attachments) {
    attachments[id] = { name: scalar(name), hash: new Uint8Array(Buffer.from(hash, "hex")), length };
  }
  return {
    order: scalar(item.order),
    number: scalar(item.number),
    title: item.title,
    presenter: scalar(item.presenter),
    attachments,
  };
}

function edit(handle, agenda, { field, item, text }) {
  if (field !== "title") throw new Error(`no edit of ${field} is expected here`);
  handle.change((doc) => A.updateText(doc, ["items", agenda.items[item].id, "title"], text));
}

let material;
let ports;
let secretary;
let shared = [];
let devices = [];

const JOIN_AGAIN_MS = 15_000;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Does a thing for all, at most so many at once. */
async function inTurns(all, atOnce, work) {
  const left = [...all.entries()];
  const one = async () => {
    for (let next = left.shift(); next; next = left.shift()) await work(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

async function fetch(device) {
  // A server that is slow to greet is taken for one that has nothing; what it has comes all the same.
  const soon = { allowableStates: ["ready", "requesting", "unavailable"] };
  const found = shared.map((handle) => device.repo.find(handle.documentId, soon));
  device.handles = (await Promise.all(found)).map((handle) => device.follow(handle));
}

const commands = {
  /** The secretary gives the server the documents that all share. */
  async prepare({ material: file, direct, devices: addresses }) {
    material = JSON.parse(fs.readFileSync(file, "utf8"));
    ports = addresses;
    secretary = new Device("secretary", direct);
    shared = material.shared.map(({ heading, items }, n) => {
      // One document has a list that every device adds its registration to.
      const last = n === material.shared.length - 1;
      const handle = secretary.repo.create({ heading, items: {}, ...(last && { registrations: [] }) });
      // Each item is a change of its own: with less history a whole document is sent for a few edits.
      for (const item of items) {
        handle.change((doc) => {
          doc.items[item.id] = content(item);
        });
      }
      return secretary.follow(handle);
    });
    await secretary.until(() => shared.every((handle) => secretary.confirmed(handle)));
    return { documents: shared.length };
  },

  /** Devices have all documents, and the server has a note of each. */
  async join() {
    devices = [];
    await inTurns(ports, 4, async (address, n) => {
      // On a machine that is busy otherwise a server may cut a device off and lose what was under way;
      // some never hear of it again. Another device takes its place.
      for (let ms = JOIN_AGAIN_MS, tries = 0; ; ms *= 2, tries += 1) {
        const device = new Device(`device-${n}-${tries}`, address);
        devices[n] = device;
        await fetch(device);
        device.note = device.follow(device.repo.create({ text: material.notes[n].text }));
        const holds = () => [...device.handles, device.note].every((h) => device.confirmed(h));
        const all = device.until(holds).then(() => true);
        if (await Promise.race([all, pause(ms)])) return;
        device.leaveForGood();
      }
    });
    return { devices: devices.length };
  },

  /** While the devices are away, the agenda is edited and every device changes its note. */
  async change({ registrations }) {
    for (const device of devices) device.leave();
    for (const each of material.edits) edit(shared[0], material.shared[0], each);
    await secretary.until(() => secretary.confirmed(shared[0]));
    secretary.leave();
    for (const [n, device] of devices.entries()) {
      device.note.change((doc) => {
        A.splice(doc, ["text"], doc.text.length, 0, material.notes[n].addition);
      });
      if (registrations) {
        const registration = { device: scalar(`device-${n}`), item: scalar("m1"), kind: scalar("speech") };
        device.handles.at(-1).change((doc) => doc.registrations.push(registration));
      }
    }
    return {};
  },

  /** All come back at once. */
  async back({ registrations }) {
    const agenda = heads(shared[0]);
    const wanted = registrations ? devices.length : 0;
    for (const device of devices) device.messages = 0;
    const begun = performance.now();
    for (const device of devices) device.comeBack();
    const all = devices.map((device) =>
      device.until(
        () =>
          same(heads(device.handles[0]), agenda) &&
          device.confirmed(device.note) &&
          device.handles.at(-1).doc().registrations.length === wanted,
      ),
    );
    await Promise.all(all);
    const ms = performance.now() - begun;
    return { ms, messages: devices.reduce((sum, device) => sum + device.messages, 0) };
  },

  /** Devices that have nothing fetch all that is shared. */
  async download() {
    secretary.leave();
    const begun = performance.now();
    devices = ports.map((address, n) => new Device(`device-${n}`, address));
    await Promise.all(
      devices.map(async (device) => {
        await fetch(device);
        await device.until(() => device.handles.every((h, n) => same(heads(h), heads(shared[n]))));
      }),
    );
    const ms = performance.now() - begun;
    return { ms, messages: devices.reduce((sum, device) => sum + device.messages, 0) };
  },

  /** Edits on one device until they are on the other: the time of each. */
  async live() {
    const [writer, reader] = devices;
    writer.messages = reader.messages = 0;
    const times = [];
    for (const each of material.live) {
      // A person pauses between edits; what the last one left behind shall not count.
      await pause(600);
      const begun = performance.now();
      edit(writer.handles[0], material.shared[0], each);
      const written = heads(writer.handles[0]);
      await reader.until(() => same(heads(reader.handles[0]), written));
      times.push(performance.now() - begun);
    }
    return { times, messages: writer.messages + reader.messages };
  },

  /** What the devices have in the end. */
  async look() {
    const first = devices[0].handles.map((handle) => A.toJS(handle.doc()));
    let equal = 0;
    for (const device of devices) {
      const own = device.handles.map((handle) => A.toJS(handle.doc()));
      if (JSON.stringify(own) === JSON.stringify(first)) equal += 1;
    }
    return {
      equal,
      titles: material.shared[0].items.map(({ id }) => first[0].items[id].title),
      registrations: first.at(-1).registrations.length,
      notes: devices.map((device) => device.note?.doc().text ?? ""),
    };
  },
};

// Standard output is for answers alone.
console.log = console.info = console.error;

let answered = true;
function answer(value) {
  if (answered) return;
  answered = true;
  process.stdout.write(JSON.stringify(value) + "\n");
}
process.on("uncaughtException", (error) => answer({ error: String(error?.stack ?? error) }));
process.on("unhandledRejection", (error) => answer({ error: String(error?.stack ?? error) }));

const lines = readline.createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
lines.on("line", (line) => {
  const { do: name, ...rest } = JSON.parse(line);
  answered = false;
  commands[name](rest).then(
    (value) => answer(value ?? {}),
    (error) => answer({ error: String(error?.stack ?? error) }),
  );
});
